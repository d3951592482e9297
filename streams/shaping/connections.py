"""What a connection has to hold over all workers before it is opened, and the rate that it counts against."""

from collections.abc import Iterator

from streams.config import Config
from streams.control import Facts
from streams.limits.rate import Limit
from streams.limits.ticket import Cap
from streams.route import OTHER
from streams.shaping.limits import MAX_CONNECTIONS, NONE_CHOSEN, Chosen, PathPolicy, connections_in, key_of, scope_of


def caps_of(config: Config, facts: Facts, policy: PathPolicy, chosen: Chosen = NONE_CHOSEN) -> tuple[Cap, ...]:
    """Of two on the same key the stricter one. Empty where nobody has set a limit: then each worker has its own."""
    found: dict[str, int] = {}
    for scope, most in (*_configured(config, facts, policy), *_ordered(chosen)):
        key = f"connections/{key_of(scope)}"
        found[key] = min(most, found.get(key, most))
    return tuple(Cap(key, most) for key, most in found.items())


def rate_of(facts: Facts, policy: PathPolicy) -> Limit | None:
    """How often connections are opened."""
    if policy.max_connection_rate is None:
        return None
    return Limit(f"connection-rate/{key_of(_path(facts))}", policy.max_connection_rate)


def _configured(config: Config, facts: Facts, policy: PathPolicy) -> Iterator[tuple[dict[str, str], int]]:
    block = config.shaping.at(facts.provider, facts.source)
    if block.connection_limit is not None or policy.max_connection_rate is not None:
        yield _path(facts), policy.connection_limit
    # sites of no provider share nothing
    if policy.provider_connection_limit is not None and facts.provider not in ("", OTHER):
        yield {"provider": facts.provider, "source": facts.source}, policy.provider_connection_limit


def _path(facts: Facts) -> dict[str, str]:
    return {"site": facts.site, "source": facts.source}


def _ordered(chosen: Chosen) -> Iterator[tuple[dict[str, str], int]]:
    for order in chosen.orders:
        if order.action == MAX_CONNECTIONS and (most := connections_in(order)) is not None:
            yield scope_of(order), most
