"""inbound.toml as values."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from streams.config import ConfigError, ConfigProblem, parse_file
from streams.limits.rate import Rate

FILE = "inbound.toml"


class Limits(NamedTuple):
    """Octets, counts, seconds. `connection_rate` and `message_rate` are of one peer.

    errors: refused or unknown commands, among them unknown recipients, after which a connection ends. command_s: from
    one command to the next; stress_s: the same when four fifths of the connections are taken. data_s: from DATA to its
    end; session_s: a whole connection. confirm_s: how long Kafka may take to confirm.
    """

    message_bytes: int
    buffered_bytes: int
    connections: int
    connections_per_peer: int
    connection_rate: Rate
    message_rate: Rate
    messages_per_connection: int
    recipients: int
    errors: int
    command_s: float
    data_s: float
    session_s: float
    stress_s: float
    confirm_s: float


class Policy(NamedTuple):
    """hostname: the name in greeting and EHLO, None: the machine's. trusted_proxies: who must send a PROXY header."""

    hostname: str | None
    feedback_addresses: tuple[str, ...]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    limits: Limits

    def proxied(self, peer: str) -> bool:
        """Whether the connection comes from a proxy, which tells in a header who is behind it."""
        address = ip_address(peer)
        return any(address in network for network in self.trusted_proxies)


def read(text: str, name: str = FILE) -> Policy:
    """The policy of the file's text; an empty text gives the defaults. Raises ConfigError, with `name` as the file."""
    problems: list[ConfigProblem] = []
    model = parse_file(FILE, text, problems).model
    if problems:
        raise ConfigError(tuple(p._replace(file=name) for p in problems))
    return Policy(
        model.hostname,
        model.feedback_addresses,
        tuple(ip_network(n) for n in model.trusted_proxies),
        Limits(**_renamed(dict(model.limits))),
    )


def _renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """command_time in the file, where durations have units; command_s here."""
    return {f"{n.removesuffix('_time')}_s" if n.endswith("_time") else n: value for n, value in fields.items()}
