"""Where a message goes: MX records to hosts, site and provider (RFC 5321 section 5.1, RFC 7505), or why it cannot."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

OTHER = "other"
"""Provider of what belongs to no mailbox provider."""


class Mx(NamedTuple):
    """One MX record; the host is lower-case without the final dot, empty for the null MX."""

    preference: int
    host: str


class MxAnswer(NamedTuple):
    """What DNS said: status ok, nodata (the name exists, without MX), nxdomain, servfail or timeout."""

    status: str
    records: tuple[Mx, ...] = ()


class Route(NamedTuple):
    """Hosts in the order in which they are tried; the site is their normalised set.

    Without hosts DNS knows no way: only a relay can take the mail.
    """

    domain: str
    provider: str
    site: str
    hosts: tuple[str, ...]


class NoRoute(NamedTuple):
    """Why the domain takes no mail: reply code and enhanced code as if a server had said so."""

    code: int
    enhanced: str
    reason: str
    bounce_class: str

    @property
    def permanent(self) -> bool:
        """Bounce at once, or try again later."""
        return self.code >= 500


NO_ROUTE = {
    # C2.20: a name that does not exist is permanent, a server that does not answer is not
    "nxdomain": NoRoute(550, "5.1.2", "the domain does not exist (NXDOMAIN)", "invalid_domain"),
    "servfail": NoRoute(451, "4.4.3", "DNS gave no answer (SERVFAIL)", "network"),
    "timeout": NoRoute(451, "4.4.3", "DNS timed out", "network"),
}
NULL_MX = NoRoute(556, "5.1.10", "the domain takes no mail (null MX, RFC 7505)", "invalid_domain")
BAD_MX = NoRoute(550, "5.4.4", "every MX of the domain is an address literal or itself", "invalid_domain")

Shuffle = Callable[[list[str]], None]


def route(domain: str, answer: MxAnswer, providers: Mapping[str, str], shuffle: Shuffle) -> Route | NoRoute:
    """Order the hosts by preference, random among equals (RFC 5321 section 5.1).

    `shuffle` shuffles a list in place: randomness is the caller's.
    """
    if answer.status in NO_ROUTE:
        return NO_ROUTE[answer.status]
    if answer.status == "nodata":  # implicit MX: only when there is no MX record, never on a failed look-up
        return Route(domain, provider_of(domain, (domain,), providers), domain, (domain,))
    if [r.host for r in answer.records] == [""]:
        return NULL_MX
    hosts = tuple(h for h in _ordered(answer.records, shuffle) if h and not _is_literal(h))
    if not hosts:
        return BAD_MX
    return Route(domain, provider_of(domain, hosts, providers), ",".join(sorted(hosts)), hosts)


def by_relay(domain: str, providers: Mapping[str, str]) -> Route:
    """Where mail goes for which DNS has no route, when a relay takes it: whether it can go on is the relay's word.

    As with Postfix's relayhost. The relay may see other names than we do, or be there because we see none. What DNS
    would tell, the provider, is then known only for domains that are providers themselves.
    """
    return Route(domain, provider_of(domain, (), providers), domain, ())


def _ordered(records: Sequence[Mx], shuffle: Shuffle) -> list[str]:
    out: list[str] = []
    for preference in sorted({r.preference for r in records}):
        equal = sorted({r.host for r in records if r.preference == preference})
        shuffle(equal)
        out += equal
    return out


def provider_of(domain: str, hosts: Sequence[str], providers: Mapping[str, str]) -> str:
    """The mailbox provider: by the domain itself, then by the longest matching suffix of an MX host; else `other`."""
    if domain in providers:
        return providers[domain]
    for host in hosts:
        labels = host.split(".")
        for i in range(len(labels)):
            if (suffix := ".".join(labels[i:])) in providers:
                return providers[suffix]
    return OTHER


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def usable_address(address: str, loopback_only: bool) -> bool:
    """C2.20: an MX that points to a loopback or private address is refused; demo and tests allow only loopback."""
    ip = ipaddress.ip_address(address)
    return ip.is_loopback if loopback_only else ip.is_global
