"""What every Postfix of the tests and the bench shares: services, folders, start and end."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_peername_lookup = no
"""
"""The beginning of its main.cf: everything in its folder, and no way off this machine by DNS."""

SERVICES = """pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - {concurrency} smtp
relay unix - - n - {concurrency} smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
"""The end of its master.cf; {concurrency} bounds the deliveries."""


def write_config(folder: Path, main: str, master: str) -> None:
    """main.cf and master.cf in folder/etc, and the folders queue and data."""
    for path in (folder, *(folder / name for name in ("queue", "data", "etc"))):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)  # the daemons give up root and must still get there
    shutil.chown(folder / "data", "postfix")
    (folder / "etc" / "main.cf").write_text(main)
    (folder / "etc" / "master.cf").write_text(master)


@contextmanager
def started(folder: Path) -> Iterator[None]:
    """The Postfix of this folder; stopped at the end."""
    _postfix(folder, "start")
    try:
        yield
    finally:
        _postfix(folder, "stop")


def _postfix(folder: Path, verb: str) -> None:
    command = ["postfix", "-c", str(folder / "etc"), verb]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"postfix {verb}: {done.stdout}{done.stderr}")
