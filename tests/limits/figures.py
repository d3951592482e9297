"""From arrival times to the figures of `make limits`."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

WINDOW_S = 10.0
BACK = 0.95
"""The part of a limit that must be in use while there is demand."""
BACK_WITHIN_S = 15.0
SMOOTH_S, STEP_S = 5.0, 0.1
EFFECTIVE_S = 2.0
"""When an order must be obeyed."""
PASSES = 1
"""Through the delay topics, of half of the messages at least: one for the slot."""


class Span(NamedTuple):
    """From when to when, in seconds of the arrivals' clock."""

    start: float
    end: float


def worst_window(times: Sequence[float], window_s: float = WINDOW_S) -> int:
    """Most arrivals in any period of that length (half open, beginning with an arrival)."""
    return max((bisect_left(times, at + window_s) - i for i, at in enumerate(times)), default=0)


def used_fraction(times: Sequence[float], spans: Sequence[Span], per_second: float) -> float:
    """Arrivals in the spans, as a part of what the limit allowed in them."""
    came = sum(bisect_right(times, s.end) - bisect_left(times, s.start) for s in spans)
    return came / (per_second * sum(s.end - s.start for s in spans))


def p99_gap_ms(times: Sequence[float], spans: Sequence[Span]) -> float:
    """99th percentile of the pauses between arrivals within the spans."""
    gaps: list[float] = []
    for span in spans:
        inside = times[bisect_left(times, span.start) : bisect_right(times, span.end)]
        gaps += [b - a for a, b in pairwise(inside)]
    gaps.sort()
    return 1000 * gaps[min(len(gaps) - 1, int(len(gaps) * 0.99))] if gaps else float("inf")


def back_s(times: Sequence[float], killed: float, until: float, per_second: float) -> float:
    """Seconds from the kill until the limit is used again.

    By means over SMOOTH_S: from the worst one after the kill to the first one after it that is back at 95 %.
    """
    steps = [killed + n * STEP_S for n in range(int((until - SMOOTH_S - killed) / STEP_S))]
    used = {at: used_fraction(times, [Span(at, at + SMOOTH_S)], per_second) for at in steps}
    worst = min((at for at in steps if at - killed <= BACK_WITHIN_S), key=lambda at: used[at])
    # one arrival more or less is no outage
    enough = BACK - 1 / (per_second * SMOOTH_S)
    return next((at - killed for at in steps if at >= worst and used[at] >= enough), until - killed)


def summarise(
    case: str, times: Sequence[float], per_second: float, spans: Sequence[Span], kills: Sequence[Span] = ()
) -> dict[str, Any]:
    """One line of build/limits/summary.json. `kills`: when something was killed, and until when it is looked at."""
    found = {
        "case": case,
        "limit_per_second": round(per_second, 3),
        "worst_10s": worst_window(times),
        "used_fraction": round(used_fraction(times, spans, per_second), 4),
        "p99_gap_ms": round(p99_gap_ms(times, spans), 1),
    }
    if kills:
        found["back_to_95_s"] = [round(back_s(times, k.start, k.end, per_second), 1) for k in kills]
    return found


def broken(line: dict[str, Any]) -> list[str]:
    """Which targets it misses."""
    if "effective_s" in line:
        late = line["effective_s"] > EFFECTIVE_S
        return [f"{line['case']}: only after {line['effective_s']} s"] if late else []
    per_second = line["limit_per_second"]
    most = per_second * WINDOW_S + max(1.0, per_second)
    found = []
    if line["worst_10s"] > most:
        found.append(f"{line['worst_10s']} in 10 s, {most:.1f} allowed")
    if line["used_fraction"] < BACK:
        found.append(f"only {line['used_fraction']:.1%} of the limit is used")
    if per_second == 100 and line["p99_gap_ms"] >= 100:
        found.append(f"gaps of {line['p99_gap_ms']} ms")
    if line.get("passes_median", PASSES) > PASSES:
        found.append(f"half of the messages make {line['passes_median']} passes or more")
    found += [f"back after {s} s" for s in line.get("back_to_95_s", ()) if s > BACK_WITHIN_S]
    return [f"{line['case']}: {text}" for text in found]
