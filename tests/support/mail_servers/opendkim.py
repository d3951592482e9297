"""OpenDKIM from Debian's packages, which verifies and reads the keys from a file."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.mail_servers.server import HOST

_CONFIG = """Mode v
AuthservID {host}
Socket local:{folder}/milter
TestDNSData file:{folder}/dns
UMask 000
Syslog no
Background no
"""


@contextmanager
def running_opendkim(folder: Path, dns: Mapping[str, str]) -> Iterator[None]:
    """A milter at the socket folder/milter; dns: names and their TXT records."""
    (folder / "dns").write_text("".join(f"{name} {text}\n" for name, text in dns.items()))
    config = folder / "opendkim.conf"
    config.write_text(_CONFIG.format(folder=folder, host=HOST))
    with (folder / "opendkim.log").open("wb") as log:
        process = subprocess.Popen(["opendkim", "-f", "-x", str(config)], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
