"""Servers that Debian does not let one machine install together: unpacked aside, run in a namespace of their own.

Every mail server of Debian conflicts with every other. tools/setup-mail-servers unpacks the two that are not installed.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.mail_servers.server import unprivileged
from tools.helm_binary import cache_dir

USERS = {"Debian-exim": 64201, "opensmtpd": 64202, "opensmtpq": 64203}
"""Accounts of the packages. The system does not have them: the namespace shows them to the server."""

_LINES = {"passwd": "{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n", "group": "{name}:x:{uid}:\n"}
_SPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")


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
    if not binary(name).exists():
        return f"{name} is not unpacked (tools/setup-mail-servers)"
    allowed = shutil.which("unshare") and subprocess.run([*_SPACE, "true"], capture_output=True, check=False)
    return "" if allowed and not allowed.returncode else "namespaces are not allowed here (unshare --mount --pid)"


def alone(folder: Path, command: Sequence[str], empty: Sequence[str], binds: Mapping[str, Path]) -> list[str]:
    """The command in a namespace of mounts and processes that ends with it.

    Debian compiles the paths of spool, helpers and accounts into a server. `empty` are folders that it sees empty and
    may fill; `binds`: a folder, there or below one of these -> what it sees there.
    """
    steps = [f"mount --bind {_with_users(folder, file, line)} /etc/{file}" for file, line in _LINES.items()]
    steps += [f"mount -t tmpfs -o mode=755 tmpfs {path}" for path in empty]
    steps += [f"mkdir -p {target} && mount --bind {source} {target}" for target, source in binds.items()]
    return [*_SPACE, "sh", "-c", " && ".join([*steps, 'exec "$@"']), "sh", *command]


def _with_users(folder: Path, file: str, line: str) -> Path:
    """A copy of a file of /etc that has the accounts too."""
    own = "".join(line.format(name=name, uid=uid) for name, uid in USERS.items())
    (folder / file).write_text(Path("/etc", file).read_text() + own)
    return folder / file
