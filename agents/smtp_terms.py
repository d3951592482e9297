"""How long a connection waits for what, what it is opened under, and how many a path may have."""

from typing import NamedTuple

from agents.settings import Settings
from streams.limits.rate import Limit
from streams.limits.ticket import Cap
from streams.tls import OPPORTUNISTIC


class Timeouts(NamedTuple):
    """Seconds, by what is awaited: the least that RFC 5321 section 4.5.3.2 asks for (C1.6), where it says something.

    `command` is for EHLO, STARTTLS, AUTH and RSET, `block` for the next piece of the body to leave, `body` for the
    reply to the final dot. `attempt` is the deadline over all of one message; when others wait it is `hurried`.
    """

    connect: float = 10.0
    greeting: float = 300.0
    command: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    body: float = 600.0
    attempt: float = 900.0
    hurried: float = 45.0
    idle: float = 4.0

    def of(self, stage: str) -> float:
        """How long the reply of this stage of a transaction may take."""
        return float(getattr(self, _TIMEOUT.get(stage, stage)))


_TIMEOUT = {"rset": "command", "bdat": "body", "empty": "body"}
"""Stages of a transaction whose time-out has another name."""


NONE_FREE = "no connection was free in time"


class Terms(NamedTuple):
    """What a connection is opened under. When they change it ends at the next good place.

    `caps`: what has to be held, `rate`: what it counts against when it is opened; connect_s and idle_s go before those
    of Timeouts.
    """

    caps: tuple[Cap, ...] = ()
    rate: Limit | None = None
    tls: str = OPPORTUNISTIC
    connect_s: float | None = None
    idle_s: float | None = None

    def none_free(self) -> str:
        """What is waited for by one that has no connection."""
        wanted = [f"{cap.most} of {cap.key}" for cap in self.caps]
        wanted += [f"{self.rate.rate} of {self.rate.key}"] if self.rate else []
        return f"{NONE_FREE} ({', '.join(wanted)})"

    def over(self, timeouts: Timeouts) -> Timeouts:
        """The time-outs of a connection under these terms."""
        connect = timeouts.connect if self.connect_s is None else self.connect_s
        return timeouts._replace(connect=connect, idle=timeouts.idle if self.idle_s is None else self.idle_s)


class Limits(NamedTuple):
    """Bounds of one path in one worker. `patience_s`: how long a job may wait for a connection before it goes back."""

    connections: int = 10
    messages_per_connection: int = 200
    jobs_per_connection: int = 10
    patience_s: float = 25.0
    terms: Terms = Terms()


def timeouts_of(settings: Settings) -> Timeouts:
    """As set; connect and idle are matters of shaping.toml."""
    return Timeouts(
        greeting=settings.smtp_greeting_timeout,
        command=settings.smtp_command_timeout,
        mail=settings.smtp_mail_timeout,
        rcpt=settings.smtp_rcpt_timeout,
        data=settings.smtp_data_timeout,
        block=settings.smtp_block_timeout,
        body=settings.smtp_body_timeout,
        attempt=settings.smtp_attempt_timeout,
        hurried=settings.smtp_hurried_timeout,
    )
