"""`make bench`: every part in one run on one machine, interleaved, with medians and spread.

    python -m tests.bench.run [part ...] [--rounds 3] [--messages 20000] [--quick]

Writes build/bench/<part>.json, build/bench/summary.json and, after a whole run, the table in BENCHMARKS.md.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import (
    alone,
    limit,
    limits,
    ours,
    peer,
    postfix,
    profile,
    query,
    smtp_step,
    starvation,
    summary,
    throttled,
    waiting,
)
from tests.bench.lab import Lab, running_lab

Result = dict[str, Any]
OUT = Path("build/bench")


class Size(NamedTuple):
    """How much a run does. The default takes about half an hour on two cores."""

    rounds: int = 3
    messages: int = 20_000
    backlog: int = 200_000
    probes: int = 150
    memory: int = 200_000
    events: int = 200_000
    rows: int = 1_000_000
    suppressed: int = 1_000_000
    bounced: int = 20
    trouble: int = 50_000
    trouble_s: float = 20.0
    throttled: int = 1_000_000
    limit_s: float = 1.0
    profile_s: int = 6


QUICK = Size(1, 160, 800, 5, 800, 2000, 5000, 5000, 2, 100, 2.0, 100, 0.1, 1)


class Step(NamedTuple):
    """One measurement: the parts that need it, whether every round has it, and what does it."""

    parts: tuple[str, ...]
    every_round: bool
    measure: Callable[[Lab, Size], Result]


def _drain(kind: str, kilobytes: int, share: float = 1.0, workers: int = 1) -> Callable[[Lab, Size], Result]:
    return lambda lab, size: ours.drain(lab, kind, kilobytes, int(size.messages * share), workers)


def _relay(milter: str) -> Callable[[Lab, Size], Result]:
    def measure(lab: Lab, size: Size) -> Result:
        reason = postfix.missing()
        return {"skipped": reason} if reason else peer.relay(lab, milter, 10, size.messages // 2)

    return measure


STEPS = {
    "worker-10kb": Step(("worker", "scale", "total", "peer"), True, _drain("single", 10)),
    "worker-1kb": Step(("worker",), True, _drain("single", 1, 0.5)),
    "worker-100kb": Step(("worker",), True, _drain("single", 100, 0.125)),
    "batch-10kb": Step(("batch",), True, _drain("batch", 10)),
    "peer-unix": Step(("peer",), True, _relay("unix")),
    "two-workers-10kb": Step(("total", "peer", "scale"), True, _drain("single", 10, workers=2)),
    "peer-tcp": Step(("peer",), True, _relay("tcp")),
    "two-workers-batch": Step(("total",), True, _drain("batch", 10, workers=2)),
    "latency": Step(("latency",), True, lambda lab, size: waiting.latency(lab, size.backlog, size.probes)),
    "sink": Step(("sink",), True, lambda lab, size: alone.sink_events(lab, size.events)),
    "starvation": Step(("starvation",), False, lambda lab, size: starvation.measure(lab, size.trouble, size.trouble_s)),
    "profile": Step(("worker",), False, lambda lab, size: profile.measure(lab, size.messages * 2, size.profile_s)),
    "memory": Step(("memory",), False, lambda lab, size: waiting.memory(lab, size.memory)),
    "suppression": Step(("memory", "suppression"), False, lambda lab, size: alone.suppressed(lab, size.suppressed)),
    "import": Step(("suppression",), False, lambda lab, size: alone.imported(lab, size.suppressed)),
    "visible": Step(("suppression",), False, lambda lab, size: alone.visible(lab, size.bounced)),
    "inspect": Step(("inspect",), False, lambda lab, size: alone.inspected(size.rounds)),
    "throttled": Step(("throttled", "limits"), False, lambda lab, size: throttled.memory(lab, size.throttled)),
    "limits": Step(("limits",), False, lambda lab, size: limits.measure()),
    "query": Step(("query",), False, lambda lab, size: query.measure(lab.folder / "query", size.rows)),
    "codec": Step(("codec",), False, lambda lab, size: alone.codec_us()),
    "steps": Step(("mime", "sign"), False, lambda lab, size: alone.steps_us(lab, size.rounds)),
    "smtp": Step(("smtp",), False, lambda lab, size: smtp_step.measure(lab, size.messages // 4)),
}
PARTS = ("limit", *dict.fromkeys(part for step in STEPS.values() for part in step.parts))


def measure(lab: Lab, size: Size, parts: set[str], found: dict[str, list[Result]]) -> None:
    """Adds every wanted step's results, one per round; each beside the limit measured just before and just after it."""
    for number in range(1, size.rounds + 1):
        last = limit.rsa_per_core_s(size.limit_s)
        found["limit"].append({"rsa_per_core_s": last})
        for name, step in STEPS.items():
            # once-only steps come in the last round
            if not parts.intersection(step.parts) or not (step.every_round or number == size.rounds):
                continue
            started = time.monotonic()
            result = _kept(step, lab, size)
            after = limit.rsa_per_core_s(size.limit_s)
            result["rsa_per_core_s"] = (last + after) / 2
            last = after
            found["limit"].append({"rsa_per_core_s": after})
            found.setdefault(name, []).append(result)
            told = "".join(f" {word.upper()}: {result[word]}" for word in ("skipped", "failed") if word in result)
            _say(f"round {number} of {size.rounds}  {name:18} {time.monotonic() - started:6.1f} s{told}")


def _kept(step: Step, lab: Lab, size: Size) -> Result:
    """A step that fails says so in its place: the others are not lost for it."""
    try:
        return step.measure(lab, size)
    except Exception as e:  # noqa: BLE001 - whatever it is, it is in the result
        traceback.print_exc()
        return {"failed": f"{type(e).__name__}: {e}"[:500]}


def conditions(size: Size, parts: set[str]) -> Result:
    """What has to be known beside the figures."""
    reason = postfix.missing() if "peer" in parts else "not asked for"
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {_python()}, {_cpu_name()}",
        "load_at_start": round(os.getloadavg()[0], 2),
        "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "limit": limit.described(),
        "peer": reason or postfix.versions(),
        **size._asdict(),
    }


def _python() -> str:
    """Builds of one version differ: with Debian's the worker takes a tenth less than with pyenv's."""
    return f"Python {platform.python_version()} of {sys.base_prefix}"


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests.bench.run", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all of them when none is named")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--messages", type=int, help="mails of 10 KB per run; the other sizes follow")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works: not for figures")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args(arguments)


def write(folder: Path, about: Result, found: dict[str, list[Result]]) -> None:
    """A file per step, and the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rounds in found.items():
        text = json.dumps({"conditions": about, "summary": summary.spread(rounds), "rounds": rounds}, indent=2)
        (folder / f"{name}.json").write_text(text + "\n", "utf-8")
    (folder / "summary.json").write_text(json.dumps(summary.summarise(found), indent=2) + "\n", "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Measure, write, print the table."""
    asked = options(arguments)
    size = QUICK if asked.quick else Size()
    size = size._replace(**{n: v for n in ("rounds", "messages") if (v := getattr(asked, n)) is not None})
    parts = set(asked.parts or PARTS)
    about = conditions(size, parts)
    found: dict[str, list[Result]] = {"limit": []}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_lab(Path(folder)) as lab:
        measure(lab, size, parts, found)
    write(asked.out, about, found)
    table = summary.table(found, about)
    print(table)
    if not asked.quick and not asked.parts:
        summary.write_table(Path("BENCHMARKS.md"), table)
    return 1 if any("failed" in result for rounds in found.values() for result in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
