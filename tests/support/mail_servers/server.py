"""What the tests know of a mail server, whichever it is."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.support.inbound import self_signed
from tests.support.proxies import free_port

HOST = "peer.mta.example"
DOMAIN = "harbour.test"
"""Its own domain: ann@ has a mailbox, full@ has one that can take nothing more, and nobody else has one."""

LIMIT = 300_000
"""Octets of a message."""

NOBODY = 65534
"""User and group who own the mailboxes."""

SERVICES = ("plain", "pipelined", "starttls")
"""A port for each: without PIPELINING where the server can leave it out, with it, and with STARTTLS as well."""

Routes = Mapping[str, tuple[str, int]]
"""Domains that it takes mail for and passes on -> address and port of the server behind it."""


class MailServer(NamedTuple):
    """A running server. `session` is what its log says before the client's address, once for every connection."""

    folder: Path
    ports: Mapping[str, int]
    log_file: Path
    session: str

    def mails(self) -> list[bytes]:
        """What lies in the mailbox of ann."""
        return [path.read_bytes() for path in (self.folder / "mail" / "ann" / "new").glob("*")]

    def log(self) -> str:
        """What it has logged."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    def sessions(self, client: str) -> int:
        """Connections that it has taken from this address."""
        return self.log().count(self.session + client)


class Kind(NamedTuple):
    """A server that the tests can start. `missing`: why it cannot run here, or nothing."""

    name: str
    missing: Callable[[], str]
    running: Callable[[Routes], AbstractContextManager[MailServer]]


def unprivileged() -> str:
    """Why no mail server can run here: it begins as root. Empty for root."""
    return "" if os.geteuid() == 0 else "mail servers need root"


@contextmanager
def own_folder(name: str) -> Iterator[Path]:
    """A folder with a certificate and the place of the mailboxes; removed at the end.

    Not pytest's own, which is closed to the users that the daemons become.
    """
    with TemporaryDirectory(prefix=f"streampost-{name}-") as text:
        folder = Path(text)
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", NOBODY, NOBODY)
        self_signed(folder)
        yield folder


def free_ports(*names: str) -> dict[str, int]:
    """A port by name."""
    return {name: free_port() for name in names}
