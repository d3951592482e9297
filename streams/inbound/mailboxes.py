"""Who is known here: return paths, feedback and unsubscribe mailboxes, postmaster. Everybody else is refused at RCPT.

A return path is taken for its form; whether its token holds is found later. Refusing a token that does not hold would
lose the bounces of a key that this process does not have yet, and fail servers that ask for our sender before they take
our mail. A forged one suppresses nobody, and its mail is swallowed, not bounced (standards C7.50, C7.51).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from schemas import address
from schemas.errors import AddressError
from streams.config import Config
from streams.tokens import DASH, PLUS, in_local_part

POSTMASTER = "postmaster"


class Kind(StrEnum):
    """Why an address is ours."""

    RETURN_PATH = "return_path"
    FEEDBACK = "feedback"
    UNSUBSCRIBE = "unsubscribe"
    POSTMASTER = "postmaster"


class Unknown(StrEnum):
    """Why it is not, as it is answered."""

    SYNTAX = "553 5.1.3 This is not an address"
    ELSEWHERE = "550 5.7.1 Relaying denied: the domain is not served here"
    NO_MAILBOX = "550 5.1.1 There is no such mailbox"


class Mailboxes(NamedTuple):
    """return_domains: `b-TOKEN@` and the like. named: whole addresses in lower case, also taken with `+anything`.

    senders: mailboxes that are return paths of a relay, only taken with a token. domains: all that are served.
    """

    return_domains: frozenset[str]
    named: Mapping[str, Kind]
    senders: frozenset[str]
    domains: frozenset[str]


def mailboxes(config: Config, feedback_addresses: Iterable[str]) -> Mailboxes:
    """All that the configuration makes ours."""
    tenants = config.tenants.values()
    unsubscribe = (t.unsubscribe_mailto for t in tenants if t.unsubscribe_mailto)
    named = {a.lower(): Kind.UNSUBSCRIBE for a in unsubscribe} | {a.lower(): Kind.FEEDBACK for a in feedback_addresses}
    styles = (s.relay.return_path for s in config.sources.values() if s.relay)
    senders = frozenset(style.lower() for style in styles if style not in (DASH, PLUS))
    returns = frozenset(t.return_path_domain for t in tenants)
    return Mailboxes(returns, named, senders, returns | {a.rpartition("@")[2] for a in (*named, *senders)})


def look_up(recipient: str, known: Mailboxes) -> Kind | Unknown:
    """Whose address it is."""
    if recipient.lower() == POSTMASTER:  # RFC 5321 section 4.1.1.3: also without a domain
        return Kind.POSTMASTER
    try:
        local, domain = address.parse(recipient)
    except AddressError:
        return Unknown.SYNTAX
    if domain not in known.domains:
        return Unknown.ELSEWHERE
    local = local.lower()
    base = local.partition("+")[0]
    if local == POSTMASTER:  # RFC 5321 section 4.5.1: every domain has one
        return Kind.POSTMASTER
    if in_local_part(local) and (domain in known.return_domains or f"{base}@{domain}" in known.senders):
        return Kind.RETURN_PATH
    return known.named.get(f"{local}@{domain}") or known.named.get(f"{base}@{domain}") or Unknown.NO_MAILBOX
