"""The report of the simulation: build/warmup/report.html with a plot per reputation, and summary.json beside it."""

import html
import json
from math import log10
from pathlib import Path
from typing import Any

from tests.warmup.simulation import DAYS, Day, Run

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, LEFT, TOP = 860, 240, 60, 12
FLOOR = 10
"""The plot's axis is logarithmic, from here to a million messages a day."""
DECADES = 5
_COLOURS = {"promote": "#2a7", "hold": "#c90", "back": "#c33", "graduate": "#06c"}


def write(runs: list[Run], folder: Path = ROOT / "build" / "warmup") -> Path:
    """Both files; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps([summary(run) for run in runs], indent=1) + "\n", "utf-8")
    page = folder / "report.html"
    page.write_text(_page(runs), "utf-8")
    return page


def summary(run: Run) -> dict[str, Any]:
    """One reputation in figures: caps, what was sent, rates by day, decisions."""
    return {
        "reputation": run.reputation.name,
        "words": run.reputation.words,
        "demand_per_day": run.reputation.demand,
        "graduated_on_day": run.graduated,
        "sent": sum(d.sent for d in run.days),
        "above_cap_days": sum(d.sent > d.cap_max for d in run.days),
        "days": [
            {
                "day": d.day,
                "cap": d.cap,
                "cap_max": d.cap_max,
                "sent": d.sent,
                "deferral_rate": _rate(d.deferred, d.sent),
                "bounce_rate": _rate(d.bounced, d.sent),
                "complaint_rate": _rate(d.complained, d.delivered),
                "decisions": [{"action": t.action, "rung": t.rung + 1, "reason": t.reason} for t in d.told],
            }
            for d in run.days
        ],
    }


def _rate(cases: int, of: int) -> float:
    return round(cases / of, 6) if of else 0.0


def _page(runs: list[Run]) -> str:
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Warm-up, simulated</title>",
        "<style>body{font:14px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;color:#222}",
        "table{border-collapse:collapse;font-size:12px}td,th{padding:1px 8px;text-align:right}",
        "td:last-child,th:last-child{text-align:left}svg text{font:11px system-ui,sans-serif}</style>",
        f"<h1>Warm-up over {DAYS} simulated days</h1>",
        "<p>The shipped plan at one provider, by a virtual clock. Line: cap. Bars: sent. Dots: decisions "
        + ", ".join(f'<b style="color:{colour}">{action}</b>' for action, colour in _COLOURS.items())
        + ". The axis is logarithmic.</p>",
    ]
    for run in runs:
        end = f"no cap any more after day {run.graduated}" if run.graduated else f"still warming up on day {DAYS}"
        parts += [
            f"<h2>{html.escape(run.reputation.name)}</h2><p>{html.escape(run.reputation.words)}: {end}.</p>",
            _plot(run.days),
            "<details><summary>Day by day</summary>",
            _table(run.days),
            "</details>",
        ]
    return "\n".join(parts) + "\n"


def _plot(days: tuple[Day, ...]) -> str:
    step = (WIDTH - LEFT) / DAYS
    out = [f'<svg width="{WIDTH}" height="{HEIGHT + 40}" role="img" aria-label="cap and sent by day">']
    for decade in range(DECADES + 1):
        y = _y(FLOOR * 10**decade)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{FLOOR * 10**decade:,}</text>')
    line = []
    for d in days:
        x, y = LEFT + (d.day - 1) * step, _y(d.cap)
        line.append(f"{x:.1f},{y:.1f} {x + step:.1f},{y:.1f}")
        top = _y(d.sent)
        out.append(
            f'<rect x="{x + 2:.1f}" y="{top:.1f}" width="{step - 4:.1f}" height="{_y(FLOOR) - top:.1f}" fill="#bcd">'
            f"<title>day {d.day}: {d.sent:,} of {d.cap:,}</title></rect>"
        )
        out += [
            f'<circle cx="{x + step / 2:.1f}" cy="{HEIGHT + 8}" r="4" fill="{_COLOURS[told.action]}">'
            f"<title>day {d.day}: {html.escape(told.action)}: {html.escape(told.reason)}</title></circle>"
            for told in d.told
            if told.action in _COLOURS
        ]
        if d.day % 5 == 0:
            out.append(f'<text x="{x + step / 2:.1f}" y="{HEIGHT + 30}" text-anchor="middle">{d.day}</text>')
    out.append(f'<polyline points="{" ".join(line)}" fill="none" stroke="#136" stroke-width="2"/></svg>')
    return "".join(out)


def _y(messages: int) -> float:
    part = log10(max(messages, FLOOR) / FLOOR) / DECADES
    return TOP + (HEIGHT - TOP) * (1 - part)


def _table(days: tuple[Day, ...]) -> str:
    head = "<tr><th>day<th>cap<th>sent<th>deferred<th>bounced<th>complained<th>decision</tr>"
    rows = (
        f"<tr><td>{d.day}<td>{d.cap:,}<td>{d.sent:,}"
        f"<td>{_rate(d.deferred, d.sent):.2%}<td>{_rate(d.bounced, d.sent):.2%}"
        f"<td>{_rate(d.complained, d.delivered):.2%}<td>"
        + "; ".join(f"{html.escape(t.action)}: {html.escape(t.reason)}" for t in d.told)
        for d in days
    )
    return f"<table>{head}{''.join(rows)}</table>"
