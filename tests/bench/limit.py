"""The limit: RSA-2048 signatures per second of one core, by the OpenSSL that the worker itself uses.

`cryptography` signs a canonical header block (PKCS #1 v1.5, SHA-256) with a key parsed once. CPU time of this process
counts, not the clock, so that another process on the core does not change the figure.
"""

import re
import shutil
import subprocess
import time

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BLOCK = b"from:The Slow Letter <hello@letter.example>\r\n" * 30
_KEY: list[rsa.RSAPrivateKey] = []


def rsa_per_core_s(seconds: float) -> float:
    """Signatures per CPU second, over at least `seconds` of CPU."""
    if not _KEY:
        _KEY.append(rsa.generate_private_key(65537, 2048))
    sign, scheme, digest = _KEY[0].sign, padding.PKCS1v15(), hashes.SHA256()
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for _ in range(50):
            sign(BLOCK, scheme, digest)
        count += 50
    return count / spent


def described() -> dict[str, object]:
    """Which OpenSSL, and what `openssl speed` says beside it, where there is that command."""
    found: dict[str, object] = {"by": "cryptography", "openssl": backend.openssl_version_text()}
    if shutil.which("openssl"):
        command = ["openssl", "speed", "-seconds", "1", "rsa2048"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        if per_second := re.search(r"rsa 2048 bits\s+\S+s\s+\S+s\s+([\d.]+)", done.stdout):
            found["openssl_speed_per_s"] = float(per_second[1])
    return found
