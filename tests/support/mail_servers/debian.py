"""Servers that Debian does not let one machine install together: unpacked aside, run in a namespace of their own.

Every mail server of Debian conflicts with every other. tools/setup-mail-servers unpacks those that are not installed.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.mail_servers.server import unprivileged
from tools.helm_binary import cache_dir

USERS = {"Debian-exim": 64201, "opensmtpd": 64202, "opensmtpq": 64203}
"""Accounts of the packages. The system does not have them: the namespace shows them to the server."""


def root() -> Path:
    """Where the packages are unpacked."""
    return cache_dir() / "mail-servers"


def binary(name: str) -> Path:
    """Its path in /usr/sbin of the unpacked packages, whether it is there or not."""
    return root() / "usr" / "sbin" / name


def missing(name: str) -> str:
    """Why it cannot run here; empty when it can. Installs nothing."""
    if reason := unprivileged():
        return reason
    if not shutil.which("unshare"):
        return "unshare is not installed (apt-get install util-linux)"
    return "" if binary(name).exists() else f"{name} is not unpacked (tools/setup-mail-servers)"


def alone(
    folder: Path, command: Sequence[str], empty: Sequence[str] = (), binds: Mapping[str, Path] | None = None
) -> list[str]:
    """The command in a namespace of mounts and processes that ends with it.

    Debian compiles the paths of spool, helpers and accounts into a server. `empty` are such folders, which it sees
    empty and may fill; `binds`: path below one of these, or of a file -> what it sees there.
    """
    for file, line in (
        ("passwd", "{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"),
        ("group", "{name}:x:{uid}:\n"),
    ):
        own = "".join(line.format(name=name, uid=uid) for name, uid in USERS.items())
        (folder / file).write_text(Path("/etc", file).read_text() + own)
    steps = [f"mount --bind {folder}/{file} /etc/{file}" for file in ("passwd", "group")]
    steps += [f"mount -t tmpfs -o mode=755 tmpfs {path}" for path in empty]
    for target, source in (binds or {}).items():
        steps.append(f"mkdir -p {target} && mount --bind {source} {target}")
    script = " && ".join([*steps, 'exec "$@"'])
    space = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*space, "sh", "-c", script, "sh", *command]
