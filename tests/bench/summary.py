"""From results to the summary and the table: medians over the rounds, with the lowest and the highest beside them."""

import statistics
from pathlib import Path
from typing import Any, NamedTuple

Result = dict[str, Any]
Rounds = dict[str, list[Result]]
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


class Figure(NamedTuple):
    """A figure over the rounds; `None` values where it was not measured."""

    median: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.median is None:
            return "not measured"
        whole = _text(self.median)
        return whole if self.low == self.high else f"{whole} ({_text(self.low)} to {_text(self.high)})"


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def figure(values: list[float]) -> Figure:
    """Median, lowest, highest."""
    return Figure(statistics.median(values), min(values), max(values)) if values else Figure(None)


def spread(rounds: list[Result]) -> dict[str, Any]:
    """Every plain number of the results: median, lowest and highest."""
    names = [n for n, v in rounds[0].items() if isinstance(v, (int, float))] if rounds else []
    return {name: figure([r[name] for r in rounds if name in r])._asdict() for name in names}


def of(found: Rounds, step: str, name: str) -> Figure:
    """One number of one step."""
    return figure([r[name] for r in found.get(step, []) if name in r])


def signatures(found: Rounds, step: str, name: str) -> Figure:
    """CPU per message in units of one RSA-2048 signature, each round by the limit of its own minutes."""
    return figure([r["rsa_per_core_s"] / r[name] for r in found.get(step, []) if name in r])


def faster(found: Rounds, steps: tuple[str, ...]) -> list[Result]:
    """Of each round the run with the most messages/s: how one would set the machine up."""
    rounds = zip(*[found[step] for step in steps if step in found], strict=False)
    return [max(runs, key=lambda run: run.get("msgs_per_s", 0.0)) for runs in rounds]


def ratio(found: Rounds, ours: str, theirs: tuple[str, ...], name: str) -> Figure:
    """Ours by the better of theirs, round by round."""
    values = []
    for i, mine in enumerate(found.get(ours, [])):
        peers = [
            rounds[i][name] for t in theirs if (rounds := found.get(t, [])) and i < len(rounds) and name in rounds[i]
        ]
        if peers and name in mine:
            values.append(mine[name] / max(peers))
    return figure(values)


PEERS = ("peer-unix", "peer-tcp")
OURS, ONE_OR_TWO = "ours", ("worker-10kb", "two-workers-10kb")
WORKER, TOTAL = "worker_msgs_per_cpu_s", "msgs_per_cpu_s"


def figures(found: Rounds) -> dict[str, Figure]:
    """Every figure of the summary that is one number, by its key."""
    found = {**found, OURS: faster(found, ONE_OR_TWO)}
    return {
        "rsa_per_core_s": of(found, "limit", "rsa_per_core_s"),
        "worker_msgs_per_cpu_s": of(found, "worker-10kb", WORKER),
        "worker_signatures": signatures(found, "worker-10kb", WORKER),
        "batch_signatures": signatures(found, "batch-10kb", WORKER),
        "total_signatures": signatures(found, OURS, TOTAL),
        "peer_speed_ratio": ratio(found, OURS, PEERS, "msgs_per_s"),
        "peer_cpu_ratio": ratio(found, OURS, PEERS, TOTAL),
        "scale_2_workers": ratio(found, "two-workers-10kb", ("worker-10kb",), WORKER),
        "latency_p99_s": of(found, "latency", "p99_s"),
        "worker_rss_mb": of(found, "memory", "worker_rss_mb"),
        "growth_last_half_mb": of(found, "memory", "growth_last_half_mb"),
        "suppression_mb": of(found, "suppression", "suppression_mb"),
        "suppression_lookup_us": of(found, "suppression", "suppression_lookup_us"),
        "suppression_load_s": of(found, "suppression", "suppression_load_s"),
        "suppression_import_s": of(found, "import", "suppression_import_s"),
        "suppression_visible_max_s": of(found, "visible", "suppression_visible_max_s"),
        "inspect_mails_per_s": of(found, "inspect", "inspect_mails_per_s"),
        "inspect_mails_per_s_with_fallback": of(found, "inspect", "inspect_mails_per_s_with_fallback"),
        "starvation_throughput_ratio": of(found, "starvation", "msgs_per_s_ratio"),
        "starvation_p50_ratio": of(found, "starvation", "p50_s_ratio"),
        "starvation_p99_ratio": of(found, "starvation", "p99_s_ratio"),
        "starvation_elsewhere_p99_ratio": of(found, "starvation", "elsewhere_p99_s_ratio"),
        "starvation_burst_p99_ratio": of(found, "starvation", "burst_p99_s_ratio"),
        "starvation_settled_p99_ratio": of(found, "starvation", "settled_p99_s_ratio"),
        "throttled_growth_mb": of(found, "throttled", "growth_mb"),
        "throttle_cpu_us": of(found, "throttled", "throttle_cpu_us"),
        "five_limits_us": of(found, "limits", "five_limits_us"),
        "slot_us": of(found, "limits", "slot_us"),
        "sink_events_per_s": of(found, "sink", "sink_events_per_s"),
        "sink_cpu_us_per_event": of(found, "sink", "sink_cpu_us_per_event"),
    }


def summarise(found: Rounds) -> dict[str, Any]:
    """The medians by key; null for what was not measured."""
    summary: dict[str, Any] = {name: f.median and round(f.median, 4) for name, f in figures(found).items()}
    query = found.get("query")
    summary["query_ms"] = query[0].get("query_ms") if query else None
    return summary


ROWS = (
    ("RSA-2048 signatures per core-second", "rsa_per_core_s", ""),
    ("worker, mails of 10 KB per CPU-second", "worker_msgs_per_cpu_s", ""),
    ("worker, signatures per message", "worker_signatures", "2.5 / 2.0"),
    ("the same with EmailBatch", "batch_signatures", "2.2 / 1.8"),
    ("everything but the receiver, signatures per message", "total_signatures", "3.5 / 2.6"),
    ("messages per CPU-second against Postfix + OpenDKIM", "peer_cpu_ratio", "5 / 7"),
    ("messages/s against the same", "peer_speed_ratio", "5 / 6.5"),
    ("2 workers against 1, per CPU-second", "scale_2_workers", "0.9 / 0.95"),
    ("transactional p99 behind the backlog, s", "latency_p99_s", "2 / 0.5"),
    ("worker resident, MB", "worker_rss_mb", "200 / 150"),
    ("its growth over the last half, MB", "growth_last_half_mb", "0 / 0"),
    ("suppressed addresses: extra memory, MB", "suppression_mb", "200 / 60"),
    ("look-up, us", "suppression_lookup_us", "50 / 10"),
    ("loaded at restart, s", "suppression_load_s", "10"),
    ("imported from CSV, s", "suppression_import_s", "120"),
    ("from the inbound 250 to every worker, longest, s", "suppression_visible_max_s", "2"),
    ("mails that came back, read per core-second", "inspect_mails_per_s", "300"),
    ("the same, flufl.bounce asked about each", "inspect_mails_per_s_with_fallback", ""),
    ("beside troubled crowds, others' messages/s by those without", "starvation_throughput_ratio", "0.9 / 1"),
    ("the same, p50", "starvation_p50_ratio", "1.1 / 1"),
    ("the same, p99", "starvation_p99_ratio", "1.1 / 1"),
    ("p99 of those in partitions without a crowd", "starvation_elsewhere_p99_ratio", "1.1 / 1"),
    ("p99 while the crowds come, by that while nobody reads them", "starvation_burst_p99_ratio", "1.1 / 1"),
    ("p99 while they are there, by that without", "starvation_settled_p99_ratio", "1.1 / 1"),
    ("a million throttled messages: extra memory, MB", "throttled_growth_mb", "100 / 50"),
    ("worker's CPU to send one to its slot, us", "throttle_cpu_us", ""),
    ("to check five limits, us", "five_limits_us", ""),
    ("to give a slot, us", "slot_us", ""),
    ("sink, events/s", "sink_events_per_s", ""),
    ("sink, CPU us per event", "sink_cpu_us_per_event", ""),
)
RUNS = ("worker-1kb", "worker-10kb", "worker-100kb", "batch-10kb", "two-workers-10kb", "two-workers-batch", *PEERS)


def table(found: Rounds, about: Result) -> str:
    """What BENCHMARKS.md shows."""
    all_figures = figures(found)
    lines = [
        _conditions(about),
        "",
        "| what | median (lowest to highest) | at least / aim |",
        "|---|---|---|",
        *(f"| {text} | {all_figures[key]} | {aim} |" for text, key, aim in ROWS),
        "",
        "| run | bytes | messages/s | per CPU-s, all | per CPU-s, worker | signatures, all | signatures, worker |",
        "|---|---|---|---|---|---|---|",
        *(_run_row(found, name) for name in RUNS if found.get(name)),
    ]
    if (profile := found.get("profile")) and "by_step" in profile[0]:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in profile[0]["by_step"].items())
        lines += ["", f"Where the worker's Python time goes (py-spy): {shares}."]
    if query := found.get("query"):
        times = ", ".join(f"{name} {ms:.3g}" for name, ms in query[0]["query_ms"].items())
        lines += ["", f"Views over {query[0]['messages']:,} messages, ms: {times}."]
    return "\n".join(lines)


def _conditions(about: Result) -> str:
    return (
        f"{about['started']}, {about['machine']}, load at start {about['load_at_start']}; {about['rounds']} rounds, "
        f"{about['messages']} mails of 10 KB a run; {about['limit']['openssl']}; peer: {about['peer']}."
    )


def _run_row(found: Rounds, name: str) -> str:
    cells = [of(found, name, "msgs_per_s"), of(found, name, TOTAL), of(found, name, WORKER)]
    cells += [signatures(found, name, TOTAL), signatures(found, name, WORKER)]
    words = [_text(of(found, name, "message_bytes").median), *(str(c) if c.median is not None else "" for c in cells)]
    return f"| {name} | {' | '.join(words)} |"


def write_table(path: Path, text: str) -> None:
    """Replace what stands between the marks."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")
