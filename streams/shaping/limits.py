"""Which limits a message is under, and what its path may do: the files, and on top the orders in force.

Pure and without search once the orders are chosen; callers keep the answer per combination of facts until
`Chosen.until_ms`, a new order or a new configuration.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from schemas.records import ANY, Control
from streams import control
from streams.config import Config
from streams.control import Facts
from streams.limits.rate import Limit, Rate, parse
from streams.shaping.policies import NO_DOMAIN, NOTHING
from streams.tls import OPPORTUNISTIC

SUSPEND, BOUNCE, MAX_MESSAGE_RATE, MAX_CONNECTIONS = "suspend", "bounce", "max_message_rate", "max_connections"
ACTIONS = (SUSPEND, BOUNCE, MAX_MESSAGE_RATE, MAX_CONNECTIONS)
"""What an override may order."""


class Chosen(NamedTuple):
    """The overrides that concern some facts, and when the first of them ends (None: none does)."""

    orders: tuple[Control, ...] = ()
    until_ms: int | None = None


NONE_CHOSEN = Chosen()


class PathPolicy(NamedTuple):
    """What a path may do. Times are seconds; None is no limit.

    connection_limit: connections of the path (source and site); provider_connection_limit: of the source, over all
    sites of the provider (over which workers: streams/shaping/connections.py); tls: a mode of streams/tls.py.
    """

    connection_limit: int = 10
    provider_connection_limit: int | None = None
    max_connection_rate: Rate | None = None
    max_deliveries_per_connection: int = 200
    connect_timeout_s: float = 10.0
    idle_timeout_s: float = 4.0
    tls: str = OPPORTUNISTIC


DEFAULT_PATH = PathPolicy()


def choose(orders: Iterable[Control], facts: Facts, now_ms: int) -> Chosen:
    """The overrides in force that concern these facts."""
    found = tuple(
        order
        for order in orders
        if order.kind == control.OVERRIDE and control.matches(order, facts) and control.in_force(order, now_ms)
    )
    return Chosen(found, min((o.expires_at for o in found if o.expires_at is not None), default=None))


def problem_of(order: Control) -> str | None:
    """What is wrong with an override: such a one limits nothing. None: it is right."""
    if order.action not in ACTIONS:
        return f"unknown action {order.action!r}; actions are {', '.join(ACTIONS)}"
    if order.action == MAX_MESSAGE_RATE and _rate(order) is None:
        return f"the value {order.value!r} is no rate, such as 100/s or 10/min"
    if order.action == MAX_CONNECTIONS and connections_in(order) is None:
        return f"the value {order.value!r} is no number of connections"
    return None


def stop_of(chosen: Chosen) -> Control | None:
    """The order that stops the message: to be bounced, or else to wait while suspended. None: it may go."""
    for action in (BOUNCE, SUSPEND):
        if found := [order for order in chosen.orders if order.action == action]:
            return max(found, key=lambda order: order.expires_at or 0)
    return None


def limits_of(config: Config, facts: Facts, chosen: Chosen = NONE_CHOSEN, domain: str = "") -> tuple[Limit, ...]:
    """Every limit that one message counts against; of two on the same key the stricter one.

    `domain`: the recipient's, wanted only when config.shaping.domains has it.
    """
    found: dict[str, Rate] = {}
    for key, rate in (*_configured(config, facts, domain), *_ordered(chosen)):
        # an order is never more than the files allow: the stricter of the two holds
        if key not in found or rate.per_second < found[key].per_second:
            found[key] = rate
    return tuple(Limit(key, rate) for key, rate in found.items())


def path_policy(config: Config, facts: Facts, chosen: Chosen = NONE_CHOSEN) -> PathPolicy:
    """What the path of these facts (provider, site, source) may do. Give orders chosen without tenant and campaign."""
    block = config.shaping.at(facts.provider, facts.source)
    said: dict[str, Any] = {
        "connection_limit": block.connection_limit,
        "provider_connection_limit": block.provider_connection_limit,
        "max_connection_rate": block.max_connection_rate,
        "max_deliveries_per_connection": block.max_deliveries_per_connection,
        "connect_timeout_s": block.connect_timeout,
        "idle_timeout_s": block.idle_timeout,
        "tls": block.tls,
    }
    policy = DEFAULT_PATH._replace(**{name: value for name, value in said.items() if value is not None})
    for order in chosen.orders:
        if order.action == MAX_CONNECTIONS and (most := connections_in(order)) is not None:
            policy = policy._replace(connection_limit=min(policy.connection_limit, most))
    return policy


def _configured(config: Config, facts: Facts, domain: str) -> Iterator[tuple[str, Rate]]:
    named = {**facts._asdict(), "domain": domain}
    for scope, rate in (*_of_tenant(config, facts), *_of_path(config, facts), *_of_domain(config, domain)):
        if rate is not None:
            yield key_of({field: named[field] for field in scope}), rate


def _of_tenant(config: Config, facts: Facts) -> Iterator[tuple[tuple[str, ...], Rate | None]]:
    tenant = config.tenants.get(facts.tenant)
    if tenant is None:
        return
    limits = tenant.limits
    yield ("tenant",), limits.max_message_rate
    yield ("tenant", "provider"), limits.providers.get(facts.provider)
    if facts.campaign:
        yield ("tenant", "campaign"), limits.campaigns.get(facts.campaign, limits.campaign_max_message_rate)


def _of_path(config: Config, facts: Facts) -> Iterator[tuple[tuple[str, ...], Rate | None]]:
    own = config.shaping.own(facts.provider, facts.source) or NOTHING
    base = config.shaping.base(facts.source)
    yield ("tenant", "provider"), own.tenant_max_message_rate
    yield ("provider",), own.max_message_rate
    yield ("provider", "source"), own.source_max_message_rate
    yield ("site", "source"), own.site_max_message_rate
    # the default's rates are each site's own, and give way to the provider's of the same kind
    if own.max_message_rate is None:
        yield ("site",), base.max_message_rate
    if own.source_max_message_rate is None and own.site_max_message_rate is None:
        yield ("site", "source"), base.source_max_message_rate


def _of_domain(config: Config, domain: str) -> Iterator[tuple[tuple[str, ...], Rate | None]]:
    policy = config.shaping.domains.get(domain, NO_DOMAIN)
    yield ("domain",), policy.max_message_rate
    yield ("domain", "source"), policy.source_max_message_rate


def _ordered(chosen: Chosen) -> Iterator[tuple[str, Rate]]:
    for order in chosen.orders:
        if order.action == MAX_MESSAGE_RATE and (rate := _rate(order)) is not None:
            yield key_of(scope_of(order)), rate


_NAMES: Mapping[frozenset[str], tuple[str, ...]] = {
    frozenset(fields): fields
    for fields in (
        ("tenant",),
        ("tenant", "provider"),
        ("provider",),
        ("provider", "source"),
        ("site",),
        ("site", "source"),
        ("domain",),
        ("domain", "source"),
    )
}


def key_of(scope: Mapping[str, str]) -> str:
    """The limit's key: `provider-source/gmail/tx-1`; `campaign/T/C` for a tenant's campaign."""
    if scope.keys() == {"tenant", "campaign"}:
        return f"campaign/{_part(scope['tenant'])}/{_part(scope['campaign'])}"
    # any other combination has a key of its own too, in the order of the facts
    fields = _NAMES.get(frozenset(scope)) or tuple(f for f in Facts._fields if f in scope)
    return "/".join(("-".join(fields) or "all", *(_part(scope[field]) for field in fields)))


def scope_of(order: Control) -> dict[str, str]:
    """The facts that an order names."""
    return {f: value for f in Facts._fields if (value := getattr(order, f)) != ANY}


def _part(text: str) -> str:
    return quote(text, safe=",@:*")


def _rate(order: Control) -> Rate | None:
    try:
        return parse(order.value)
    except ValueError:  # whoever wrote it was told by problem_of; here it must not stop the mail
        return None


def connections_in(order: Control) -> int | None:
    """The number of an order for max_connections; None when it is none."""
    return int(order.value) if order.value.isascii() and order.value.isdigit() and int(order.value) >= 1 else None
