"""How `streampost explain` shows its answer: as text for people, or as JSON."""

from collections.abc import Iterator
from typing import Any

import typer

from agents.cli.scope import as_json, in_words, when


def show_answer(answer: dict[str, Any], json: bool) -> None:
    """Print it."""
    if json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(_plain(answer), default=str, option=orjson.OPT_INDENT_2).decode())
        return
    for line in _lines(answer):
        typer.echo(line)


def _plain(value: Any) -> Any:
    """Orders and sources as objects; everything else as it is."""
    from schemas.records import Control  # noqa: PLC0415
    from streams.explain import Egress  # noqa: PLC0415

    if isinstance(value, Control):
        return as_json(value)
    if isinstance(value, Egress):
        limits = {limit.key: str(limit.rate) for limit in value.limits}
        policy = {name: item if isinstance(item, int | float | str | None) else str(item)
                  for name, item in value.policy._asdict().items()}  # fmt: skip
        plain = {"source": value.source, "stopped": _plain(value.stop), "limits": limits, "connections": policy}
        return plain | {"warm_up": value.warm_up and {**value.warm_up._asdict(), "left": value.warm_up.left}}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield answer["kind"]
    yield from (f"note: {note}" for note in answer.get("notes", ()))
    if "suppressed" in answer:
        yield f"suppressed: {answer['suppressed'] or 'no'}"
    if "route" in answer:
        yield f"route: {answer['route']}"
    for row in answer.get("standings", ()):
        due = f", next due {row['next_due']:%Y-%m-%d %H:%M:%SZ}" if row["next_due"] else ""
        yield f"  {row['messages']:>8,} {row['state']}{': ' + row['reason'] if row['reason'] else ''}{due}"
    yield from _way_out(answer)
    for message in answer.get("messages", ()):
        yield from _message(message)


def _way_out(answer: dict[str, Any]) -> Iterator[str]:
    from agents.explained import policy_words, warm_up_words  # noqa: PLC0415

    if "sources" not in answer:
        return
    yield "orders: " + ("" if answer["orders"] else "none")
    yield from (f"  {in_words(order)}" for order in answer["orders"])
    if answer["pool"]:
        yield f"pool: {answer['pool']}; next source: {answer['next_source'] or 'none, all are stopped'}"
    for egress in answer["sources"]:
        stopped = f"stopped: {in_words(egress.stop)}" if egress.stop else policy_words(egress.policy)
        yield f"source {egress.source}: {stopped}"
        yield from (f"  limit {limit.key}: {limit.rate}" for limit in egress.limits)
        if egress.warm_up:
            yield f"  {warm_up_words(egress.warm_up)}"


def _message(message: dict[str, Any]) -> Iterator[str]:
    known = (
        ("tenant", "tenant"),
        ("lane", "lane"),
        ("campaign", "campaign"),
        ("provider", "provider"),
        ("to", "domain"),
    )
    yield f"message {message['message_id']}: " + ", ".join(f"{n} {message[f]}" for n, f in known if message[f])
    for step in message["steps"]:
        reply = f"{step['smtp_code'] or ''} {step['enhanced_code']} {step['diagnostic']}".strip()
        words = "; ".join(part for part in (step["mx_host"], step["reason"], reply) if part)
        yield f"  {when(step['at'])} {step['event']}{': ' + words if words else ''}"
    yield from (f"why: {reason}" for reason in message["why"])
    if message["due_ms"]:
        yield f"due: {when(message['due_ms'])}"
    yield from _way_out(message)
