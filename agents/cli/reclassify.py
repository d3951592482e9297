"""`streampost reclassify`: what today's rules say of the refusals of the past."""

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.output import fail

if TYPE_CHECKING:
    from analytics.refusals import Reclassified, Refusal

BATCH = 10_000
SAMPLE = 100
"""Characters of a diagnostic that are shown."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reclassify")(reclassify)


def reclassify(
    since: Annotated[str, typer.Option(help="How far back: 30d, 12h, …")] = "90d",
    write: Annotated[
        bool, typer.Option("--write", help="Record it: v_bounce_breakdown then shows the new classes.")
    ] = False,
) -> None:
    """Classify the refusals in ClickHouse again, and show which classes change. No suppression changes by it."""
    from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415

    from analytics import clickhouse, refusals  # noqa: PLC0415
    from analytics.settings import load  # noqa: PLC0415
    from streams.durations import seconds  # noqa: PLC0415

    try:
        since_ms = int((time.time() - seconds(since)) * 1000)
    except ValueError as e:
        fail(f"--since: {e}", 2)
    changes: Counter[tuple[str, str]] = Counter()
    samples: dict[tuple[str, str], str] = {}
    pending: list[Reclassified] = []
    looked = 0
    try:
        with clickhouse.connect(load()) as client, clickhouse.connect(load()) as writer:
            for refusal in refusals.refusals(client, since_ms):
                looked += refusal.events
                new = judged(refusal)
                if new[-2:] == (refusal.bounce_class, refusal.bounce_type):
                    continue
                change = (f"{refusal.bounce_class} {refusal.bounce_type}", f"{new.bounce_class} {new.bounce_type}")
                changes[change] += refusal.events
                samples.setdefault(change, " ".join(refusal.diagnostic.split())[:SAMPLE])
                pending.append(new)
                if write and len(pending) >= BATCH:
                    refusals.record(writer, pending)
                    pending.clear()
            if write:
                refusals.record(writer, pending)
    except Error as e:
        fail(" ".join(str(e).split()))
    for (old, now), count in changes.most_common():
        typer.echo(f"{count}  {old} -> {now}  {samples[old, now]}")
    done = "recorded" if write else "not recorded; --write does it"
    typer.echo(f"{sum(changes.values())} of {looked} events change" + (f" ({done})" if changes else ""))


def judged(refusal: "Refusal") -> "Reclassified":
    """What today's rules say: as the worker asks them for a reply, and the reader for returned mail."""
    from analytics.refusals import Reclassified  # noqa: PLC0415
    from streams.bounces.diagnostic import recipient  # noqa: PLC0415
    from streams.classify import classify  # noqa: PLC0415

    stage, code, enhanced, text = refusal[:4]
    if stage == "dsn":
        found = recipient("", text, status=enhanced)
        return Reclassified(stage, code, enhanced, text, found.bounce_class, "hard" if found.hard else "soft")
    verdict = classify(stage, code, enhanced, text)
    return Reclassified(stage, code, enhanced, text, verdict.bounce_class, "hard" if verdict.hard else "soft")
