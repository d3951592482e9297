"""What a session and the one who gives it messages say to each other: the job, and how a connection can fail it."""

from typing import NamedTuple, Protocol

from streams.replies import Reply
from streams.smtp import Envelope, Result


class SessionLostError(Exception):
    """The connection cannot go on; `stage` says what was awaited, `reply` what the server said, if anything.

    `no_tls`: the enhanced code (RFC 3463) of why there is no TLS that is good enough, where it must be.
    """

    def __init__(self, stage: str, text: str, reply: Reply | None = None, no_tls: str = "") -> None:
        super().__init__(text)
        self.stage = stage
        self.reply = reply
        self.no_tls = no_tls


class SourceError(SessionLostError):
    """The source cannot be used, wherever the mail goes: nothing is known against the destination or the message."""


class SessionFacts(NamedTuple):
    """Where the session leads, for the event."""

    host: str
    source: str
    tls: str


class Job(Protocol):
    """One message to be sent, as the session sees it."""

    async def ready(self) -> tuple[Envelope, bytes] | None:
        """Last checks, render and sign, just before MAIL FROM; None when it has ended otherwise."""

    async def still_ours(self) -> bool:
        """Asked before the body goes out: False, and it has ended, when another worker may be sending it by now."""

    def settle(self, recipient: str, result: Result, session: SessionFacts) -> None:
        """The reply that decided this recipient."""

    def lost(self, recipient: str, error: SessionLostError, in_doubt: bool, session: SessionFacts) -> None:
        """The connection broke; in doubt when the final dot was sent."""

    def again(self) -> None:
        """Nothing was sent: back to the queue."""

    def unreachable(self, error: SessionLostError, session: SessionFacts) -> None:
        """No address of the path can be reached, or its greeting refused us."""

    def waited(self, reason: str) -> None:
        """No connection took it in time: hand it back."""
