"""HAProxy and Dante from Debian's packages: instances of our own in a folder, on loopback, ended with the test."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

import pytest

NSS_WRAPPER = "/usr/lib/x86_64-linux-gnu/libnss_wrapper.so"
START_SECONDS = 20.0
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def need(binary: str, package: str) -> str:
    """Its path; skips the test where it is not installed."""
    found = which(binary, path=_PATH)
    if not found:
        pytest.skip(f"{binary} is not installed (apt-get install {package})")
    return found


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, env: Mapping[str, str] | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """The process once it listens on the port; at the end it is killed."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **(env or {})}, start_new_session=True
        )
    try:
        _wait_for(port, process, log)
        yield process
    finally:
        with suppress(ProcessLookupError):  # it may have ended, which is then the failure to see
            os.killpg(process.pid, signal.SIGKILL)  # with its children, which would serve what is open
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"port {port} is not open: {log.read_text()}"
            time.sleep(0.05)


# ---- HAProxy

_HAPROXY = """global
  maxconn 200
defaults
  mode tcp
  timeout connect 2s
  timeout client 30s
  timeout server 30s
"""


@contextmanager
def running_haproxy(folder: Path, port: int, *lines: str) -> "Iterator[subprocess.Popen[bytes]]":
    """HAProxy with one `listen` of these lines, of which one binds the port."""
    binary = need("haproxy", "haproxy")
    config = folder / f"haproxy-{port}.cfg"
    config.write_text(_HAPROXY + "listen test\n" + "".join(f"  {line}\n" for line in lines))
    with running([binary, "-db", "-f", str(config)], port, folder / f"haproxy-{port}.log") as process:
        yield process


def egress(port: int, addresses: Sequence[str]) -> list[str]:
    """An egress node: it takes a PROXY header, leaves from the source that this names, and goes where it says.

    A node that may use TPROXY would say `source 0.0.0.0 usesrc clientip` once for all.
    """
    lines = [f"bind 127.0.0.1:{port} accept-proxy"]
    for i, address in enumerate(addresses):
        lines += [f"use-server s{i} if {{ src {address} }}", f"server s{i} 0.0.0.0 source {address}"]
    return lines


# ---- Dante

_DANTE = """logoutput: {folder}/dante-{port}.messages
internal: 127.0.0.1 port = {port}
external: {external}
clientmethod: none
socksmethod: {method}
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 127.0.0.0/8 to: 127.0.0.0/8 }}
socks pass {{ from: 127.0.0.0/8 to: {allowed} command: connect }}
"""


@contextmanager
def running_dante(
    folder: Path, port: int, external: str, login: tuple[str, str] | None = None, allowed: str = "127.0.0.0/8"
) -> "Iterator[subprocess.Popen[bytes]]":
    """A SOCKS5 server that leaves from `external` to `allowed` only; with a login, only after it."""
    binary = need("danted", "dante-server")
    if os.geteuid() != 0:
        pytest.skip("Dante wants root")
    method, env = ("username", _accounts(folder, *login)) if login else ("none", {})
    config = folder / f"dante-{port}.conf"
    values = {"folder": folder, "port": port, "external": external, "method": method, "allowed": allowed}
    config.write_text(_DANTE.format(**values))
    with running([binary, "-f", str(config)], port, folder / f"dante-{port}.log", env) as process:
        yield process


def _accounts(folder: Path, user: str, password: str) -> dict[str, str]:
    """Dante asks the system for accounts: nss_wrapper shows it some of our own, and the system stays as it is."""
    if not Path(NSS_WRAPPER).exists():
        pytest.skip("nss_wrapper is not installed (apt-get install libnss-wrapper)")
    command = ["openssl", "passwd", "-6", password]
    hashed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    own = f"{user}:x:4242:65534::/nonexistent:/usr/sbin/nologin\n"
    (folder / "passwd").write_text(Path("/etc/passwd").read_text() + own)
    (folder / "shadow").write_text(f"{user}:{hashed}:19000:0:99999:7:::\n")
    names = {"LD_PRELOAD": NSS_WRAPPER, "NSS_WRAPPER_PASSWD": str(folder / "passwd")}
    return {**names, "NSS_WRAPPER_GROUP": "/etc/group", "NSS_WRAPPER_SHADOW": str(folder / "shadow")}
