"""What the demo prints."""

from collections.abc import Mapping
from pathlib import Path

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


def result(console: Console, found: Result, path: Path) -> None:
    """Outcomes by provider, the ledger, the proof."""
    s = found.summary
    table = Table("provider", "sent", "delivered", "bounced", "deferred", "expired", "delivery", "p50", "p95")
    for p in found.providers:
        counts = (str(p[name]) for name in ("sent", "delivered", "bounced", "deferred", "expired"))
        times = (f"{p['p50_ms'] or 0} ms", f"{p['p95_ms'] or 0} ms")
        table.add_row(p["provider"] or "(never routed)", *counts, f"{(p['delivery_rate'] or 0):.1%}", *times)
    console.print(table)
    console.print("ledger: " + ", ".join(f"{s[name]} {name}" for name in LEDGER))
    console.print(
        f"receiver: {s['receiver_accepted']} accepted, {s['duplicates']} twice; "
        f"DKIM: {s['dkim_checked']} checked, {s['dkim_failed']} failed"
    )
    console.print(
        f"came back: {s['bounced_late']} bounces after delivery, {s['complained']} complaints, "
        f"{s['unsubscribed']} unsubscribes, {s['opened']} opened, {s['clicked']} clicked; "
        f"{s['suppressions_new']} addresses newly suppressed"
    )
    console.print(
        f"second campaign: {s['second_messages']} to the same list, {s['second_on_list']} of them suppressed, "
        f"{s['second_suppressed']} skipped"
    )
    console.print(
        f"{s['messages_per_second']} messages/s while sending, {s['seconds']} s in all; "
        f"worker {s['deliver_rss_mb']} MB, everything but the broker {s['total_rss_mb']} MB"
    )
    for failure in found.failures:
        console.print(f"[red]FAILED: {failure}[/red]")
    console.print(f"written to {path}")
    console.print("look further: `make demo ARGS=--keep`, then `streampost query 'SELECT * FROM v_ledger'` (README.md)")


def keep(console: Console, environ: Mapping[str, str], pids: Mapping[str, int]) -> None:
    """How to play with what is running."""
    console.print("still running (Ctrl-C stops it): " + ", ".join(f"{name} {pid}" for name, pid in pids.items()))
    console.print("in another shell, for the streampost command:")
    for name, value in environ.items():
        console.print(f"  export {name}={value}", soft_wrap=True)
