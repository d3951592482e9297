"""What the demo prints."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.demo.summary import Result

LEDGER = (
    "accepted",
    "delivered",
    "bounced",
    "expired",
    "suppressed",
    "rejected",
    "in_doubt",
    "cancelled",
    "open",
    "difference",
)


PHASES = (
    ("starting", "starting"),
    ("sending", "sending"),
    ("waiting", "waiting for retries and limits"),
    ("feedback", "feedback coming in"),
    ("second", "second campaign"),
)
CAME_BACK = (
    # event type, in words, the reason with which it puts an address on the suppression list
    ("bounced_late", "bounced after delivery", ""),
    ("complained", "complaints", "complaint"),
    ("unsubscribed", "unsubscribed", "unsubscribe"),
    ("opened", "opened", ""),
    ("clicked", "clicked", ""),
)
MOST_ORDERS = 6


def result(console: Console, found: Result, path: Path) -> None:
    """Outcomes by provider, the ledger, the proof, what came back, what was ordered, where the time went."""
    s = found.summary
    console.print(_providers(found))
    console.print("ledger: " + ", ".join(f"{s[name]} {name}" for name in LEDGER))
    console.print(
        f"receiver: {s['receiver_accepted']} accepted, {s['duplicates']} twice; "
        f"DKIM: {s['dkim_checked']} checked, {s['dkim_failed']} failed"
    )
    _shaping(console, s)
    console.print(_came_back(s))
    console.print(
        f"newly suppressed: {s['suppressions_new']} addresses "
        f"({', '.join(f'{n} {reason}' for reason, n in sorted(s['suppressed_by'].items()))})"
    )
    console.print(
        f"second campaign: {s['second_messages']} to the same list, {s['second_on_list']} of them suppressed, "
        f"{s['second_suppressed']} skipped"
    )
    console.print(
        "time: " + ", ".join(f"{s['phases'].get(name, 0)} s {words}" for name, words in PHASES) + f"; {s['seconds']} s"
    )
    console.print(
        f"{s['messages_per_second']} messages/s while sending; "
        f"worker {s['deliver_rss_mb']} MB, everything but the broker {s['total_rss_mb']} MB"
    )
    for failure in found.failures:
        console.print(f"[red]FAILED: {failure}[/red]")
    console.print(f"written to {path}")
    console.print("look further: `make demo ARGS=--keep`, then `streampost query 'SELECT * FROM v_ledger'` (README.md)")


def _providers(found: Result) -> Table:
    table = Table("provider", "sent", "delivered", "bounced", "deferred", "expired", "delivery", "p50", "p95")
    for p in found.providers:
        counts = (str(p[name]) for name in ("sent", "delivered", "bounced", "deferred", "expired"))
        times = (f"{p['p50_ms'] or 0} ms", f"{p['p95_ms'] or 0} ms")
        table.add_row(p["provider"] or "(never routed)", *counts, f"{(p['delivery_rate'] or 0):.1%}", *times)
    return table


def _came_back(s: Mapping[str, Any]) -> Table:
    """The loop: what the receiver's side did, and what streampost made of it."""
    table = Table("what came back", "done by receivers", "events", "suppressed for it")
    for name, words, reason in CAME_BACK:
        listed = str(s["suppressed_by"].get(reason, 0)) if reason else ""
        table.add_row(words, str(s["returned"][name]), str(s[name]), listed)
    return table


def _shaping(console: Console, s: Mapping[str, Any]) -> None:
    orders = s["orders"]
    console.print(
        f"shaping: orders after what receivers answered: {len(orders)}; "
        f"messages that waited for a later slot: {s['throttled']}"
    )
    for order in orders[:MOST_ORDERS]:
        because = " ".join(order["because"].split())
        line = f"  {order['of']}: {order['order']} by rule {order['rule']}, after {because}"
        console.print(line if len(line) < console.width else f"{line[: console.width - 1]}…", markup=False)
    if len(orders) > MOST_ORDERS:
        console.print(f"  and {len(orders) - MOST_ORDERS} more; all are in the summary")


def keep(console: Console, environ: Mapping[str, str], pids: Mapping[str, int]) -> None:
    """How to play with what is running."""
    console.print("still running (Ctrl-C stops it): " + ", ".join(f"{name} {pid}" for name, pid in pids.items()))
    console.print("in another shell, for the streampost command:")
    for name, value in environ.items():
        console.print(f"  export {name}={value}", soft_wrap=True)
