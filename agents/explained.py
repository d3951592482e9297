"""Gathering what `streampost explain` needs beside ClickHouse: configuration, orders, suppression and DNS."""

import asyncio
from typing import Any, NamedTuple

from agents import clock
from agents.config_files import load
from agents.dns import Resolver
from agents.orders import current
from agents.settings import Settings
from agents.suppressions import of_addresses
from agents.warmup_status import status_rows
from schemas.records import Control
from streams.config import Config
from streams.control import WARMUP, Facts
from streams.explain import Standing, Used, WarmUp, concerning, egresses, next_source, why
from streams.route import NoRoute, Route, route
from streams.shaping.limits import PathPolicy
from streams.suppress import SuppressionSet


class World(NamedTuple):
    """What holds now. `used`: what warming sources have sent today; `notes`: what is not known."""

    settings: Settings
    config: Config
    orders: tuple[Control, ...]
    now_ms: int
    used: Used
    notes: tuple[str, ...] = ()


def world(settings: Settings) -> World:
    """Read configuration, control topic and the warm-up job's figures. Raises ConfigError, TableError."""
    found, bad = current(settings)
    orders, now_ms = tuple(found.values()), clock.now_ms()
    notes = [f"{bad} records of the control topic cannot be read"] if bad else []
    config, used = load(settings.config_dir, settings.config_overlay), {}
    if any(order.kind == WARMUP for order in orders):
        try:
            used = {(row["source"], row["provider"]): row["used"] for row in status_rows(settings, orders, now_ms)}
        except ValueError as e:
            notes.append(f"what warming sources have sent today is not known: {e}")
    return World(settings, config, orders, now_ms, used, tuple(notes))


def suppressed(there: World, address_hash: str, tenant: str, lane: str) -> str:
    """Why mail of this tenant and lane to the address is not sent; empty when it is. Raises TableError."""
    table = SuppressionSet()
    for key, entry in of_addresses(there.settings, [address_hash]).items():
        table.put(key, entry.reason, entry.expires_at)
    found = table.find(tenant, lane, address_hash, there.now_ms)
    return f"{found.reason} ({found.scope})" if found else ""


def route_of(there: World, domain: str) -> Route | NoRoute:
    """Where mail to the domain goes, by DNS as it is now."""

    async def asked() -> Route | NoRoute:
        answer = await Resolver(there.settings.dns_servers).mx(domain)
        return route(domain, answer, there.config.providers, sorted)  # type: ignore[arg-type]  # no shuffle: any order

    return asyncio.run(asked())


def way_out(
    there: World, facts: Facts, domain: str, previous: str = "", sources: tuple[str, ...] = (), relays: bool = False
) -> dict[str, Any]:
    """Orders, sources with their limits, and the next source, for mail with these facts. `relays`: only they can."""
    config, now_ms = there.config, there.now_ms
    tenant = config.tenants.get(facts.tenant)
    pool = tenant.pools.get(facts.lane, "") if tenant else ""
    names = sources or tuple(member.source for member in config.pools[pool].members) if pool or sources else ()
    names = tuple(name for name in names if config.sources[name].relay) if relays else names
    found = egresses(config, names, facts, domain, there.orders, now_ms, there.used)
    return {
        "orders": concerning(there.orders, facts, now_ms),
        "pool": pool,
        "sources": found,
        "next_source": next_source(config, pool, previous, found) if pool else "",
    }


def reasons(there: World, standing: Standing, suppressed_as: str, out: dict[str, Any]) -> list[str]:
    """Why it waits, in sentences."""
    return why(standing, suppressed_as, out["sources"], there.now_ms)


def warm_up_words(warm_up: WarmUp) -> str:
    """Where a source stands that warms up."""
    used = f"{warm_up.used:,} of {warm_up.cap:,} sent today, {warm_up.left:,} left, evenly spread over the day"
    return ": ".join(part for part in (warm_up.stage, used) if part)


def policy_words(policy: PathPolicy) -> str:
    """What a path's connections may do."""
    words = [f"{policy.connection_limit} connections"]
    if policy.provider_connection_limit is not None:
        words.append(f"{policy.provider_connection_limit} to the provider")
    if policy.max_connection_rate is not None:
        words.append(f"{policy.max_connection_rate} opened")
    words.append(f"{policy.max_deliveries_per_connection} messages each")
    return ", ".join(words)
