"""`streampost explain`: where a message is, why it waits, what applies to it, when it is due and where it goes next."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.explain_text import show_answer
from agents.cli.output import fail
from agents.cli.scope import Json

if TYPE_CHECKING:
    from agents.explained import World
    from streams.control import Facts

TITLE = "kind"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    what: Annotated[
        str | None, typer.Argument(help="A message id, a request's own id, an address, or a path as source:provider.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Tenant: wanted for a request's own id and a campaign.")] = "",
    lane: Annotated[str, typer.Option(help="Lane that mail to an address or on a path would be in.")] = "",
    campaign: Annotated[str, typer.Option(help="Explain a campaign of --tenant.")] = "",
    json: Json = False,
) -> None:
    """Say where mail is, why it waits, which orders, limits and overrides apply, when it is due, and its next source.

    History comes from ClickHouse; without it from the newest events in Kafka. Exit code 1 when nothing is known.
    """
    from agents.compacted import TableError  # noqa: PLC0415
    from agents.explained import world  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from streams.control import Facts  # noqa: PLC0415

    try:
        there = world(load())
    except TableError as e:
        fail(e)
    facts = Facts(tenant=tenant, campaign=campaign, lane=lane)
    answer = _answer(there, what or "", facts)
    answer["notes"] = [*answer.get("notes", ()), *there.notes]
    show_answer(answer, json)


def _answer(there: "World", what: str, facts: "Facts") -> dict[str, Any]:
    if not what:
        if not (facts.campaign and facts.tenant):
            fail("what? A message id, an address, source:provider, or --campaign with --tenant", 2)
        return _campaign(there, facts)
    if "@" in what:
        return _address(there, what, facts)
    source, colon, provider = what.partition(":")
    if colon:
        return _path(there, facts._replace(source=source, provider=provider))
    return _message(there, what, facts.tenant)


def _message(there: "World", what: str, tenant: str) -> dict[str, Any]:
    from agents.cli.explain_facts import by_message, one_message  # noqa: PLC0415
    from schemas.ids import message_uuid  # noqa: PLC0415

    message_id = message_uuid(tenant, what)
    if message_id != what.lower() and not tenant:
        fail(f"{what} is no message id (a UUID); if it is a request's own id, say its --tenant", 2)
    found = by_message(there, message_id)
    if not found.messages:
        note = "; ".join(("", *found.notes))
        fail(f"nothing is known of message {message_id}{note}")
    return {TITLE: f"message {message_id}", "notes": found.notes, "messages": [one_message(there, found.messages[0])]}


def _address(there: "World", recipient: str, facts: "Facts") -> dict[str, Any]:
    from agents.cli.explain_facts import by_address, one_message  # noqa: PLC0415
    from agents.explained import route_of, suppressed, way_out  # noqa: PLC0415
    from agents.suppressions import hash_of  # noqa: PLC0415
    from schemas.address import parse  # noqa: PLC0415
    from schemas.errors import AddressError  # noqa: PLC0415
    from streams.route import NoRoute  # noqa: PLC0415

    try:
        domain, hashed = parse(recipient).domain, hash_of(there.settings, recipient)
    except AddressError as e:
        fail(e, 2)
    found, went = by_address(there, hashed, facts.tenant), route_of(there, domain)
    answer: dict[str, Any] = {TITLE: f"address {recipient}", "notes": found.notes}
    answer["suppressed"] = suppressed(there, hashed, facts.tenant or "*", facts.lane or "*")
    if isinstance(went, NoRoute):
        # what DNS has no route for a relay may take
        out = way_out(there, facts, domain, relays=True)
        answer["route"] = f"none{' but by relay' if out['sources'] else ''}: {went.code} {went.enhanced} {went.reason}"
        answer |= out if out["sources"] else {}
    else:
        answer["route"] = f"provider {went.provider}, by {', '.join(went.hosts)}"
        answer |= way_out(there, facts._replace(provider=went.provider, site=went.site), domain)
    return {**answer, "messages": [one_message(there, message) for message in found.messages]}


def _campaign(there: "World", facts: "Facts") -> dict[str, Any]:
    from agents.explained import way_out  # noqa: PLC0415

    _known(there, facts)
    scope = {"tenant_id": facts.tenant, "campaign_id": facts.campaign}
    lanes = [facts.lane] if facts.lane else there.config.tenants[facts.tenant].lanes
    out = way_out(there, facts._replace(lane=lanes[0]), "")
    return {TITLE: f"campaign {facts.campaign} of {facts.tenant}", **_standings(scope), **out}


def _path(there: "World", facts: "Facts") -> dict[str, Any]:
    from agents.explained import way_out  # noqa: PLC0415

    _known(there, facts)
    scope = {"source": facts.source, "provider": facts.provider}
    out = way_out(there, facts, "", sources=(facts.source,))
    return {TITLE: f"path {facts.source} to {facts.provider}", **_standings(scope), **out, "next_source": ""}


def _standings(scope: dict[str, str]) -> dict[str, Any]:
    from agents.cli.answers import NoAnswer, ask_if_there  # noqa: PLC0415
    from analytics.query import standings  # noqa: PLC0415

    found = ask_if_there(standings, scope)
    if isinstance(found, NoAnswer):
        return {"notes": [f"ClickHouse cannot be asked: {found.words}"]}
    return {"standings": found.dicts()}


def _known(there: "World", facts: "Facts") -> None:
    from agents.cli.output import fail_all  # noqa: PLC0415
    from streams.control import Facts  # noqa: PLC0415
    from streams.scopes import unknown  # noqa: PLC0415

    if wrong := unknown(Facts(*(value or "*" for value in facts)), there.config):
        fail_all(wrong)
