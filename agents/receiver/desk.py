"""What all sessions share: the table, the journal, and the orders that tests give while it runs."""

import itertools
import ssl
from fnmatch import fnmatchcase
from typing import NamedTuple

from agents.receiver.journal import Journal
from agents.receiver.options import Options
from streams.personalities import Behaviour, Personalities, Provider, behaviour_of, provider_of


class Override(NamedTuple):
    """For addresses that match a shell pattern (`*@gmail.test`): this behaviour instead of the local part's."""

    pattern: str
    behaviour: Behaviour | None


class Desk:
    """Sessions ask it who a recipient is; the control port changes `overrides` and `delay` (seconds before a 250)."""

    def __init__(self, table: Personalities, journal: Journal, options: Options) -> None:
        self.table = table
        self.journal = journal
        self.options = options
        self.delay = options.delay
        self.overrides: tuple[Override, ...] = ()
        self.tls: ssl.SSLContext | None = None
        self._ids = itertools.count(0x5A1F3C00)
        self._by_address = {p.address: p for p in table.providers.values()}

    def next_id(self) -> str:
        """A queue id for a reply."""
        return f"{next(self._ids):X}"

    def host_of(self, address: str) -> Provider:
        """The provider that listens on one of our addresses: it speaks before a recipient is named."""
        return self._by_address.get(address) or self.table.providers["generic"]

    def who(self, rcpt: str, local: str, domain: str) -> tuple[Provider, Behaviour | None]:
        """Provider and behaviour of a recipient."""
        for override in self.overrides:
            if fnmatchcase(rcpt.lower(), override.pattern):
                return provider_of(self.table, domain), override.behaviour
        return provider_of(self.table, domain), behaviour_of(self.table, local)

    def reset(self) -> None:
        """Back to the start: no overrides, the delay of the options."""
        self.overrides = ()
        self.delay = self.options.delay
