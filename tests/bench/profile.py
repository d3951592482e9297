"""Where the worker's time goes, by step: py-spy samples of a worker that drains a backlog, each put to one step.

A sample belongs to the step of its innermost frame that the table knows. Only the main thread is sampled: the others
wait, or are native ones of librdkafka, which py-spy does not see. `cpu_by_thread` has the shares of all.
"""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench import ours, proc
from tests.bench.lab import Lab, a_run, wait

STEPS = (
    # fragment of a frame, as py-spy writes it: function (file:line); the first that matches counts
    ("sign: RSA", ("agents/keys.py",)),
    ("sign: canonical form, hash", ("streams/dkim.py",)),
    ("MIME", ("streams/mime.py", "streams/encode.py", "streams/fields.py", "streams/compose.py")),
    ("render", ("streams/render.py", "streams/templates.py", "streams/plain_text.py", "minijinja")),
    ("decode", ("schemas/incoming.py", "schemas/batch.py", "agents/intake.py", "decode (schemas/codec.py")),
    ("admission, route", ("streams/admit.py", "streams/intake.py", "agents/lookups.py", "streams/route.py")),
    ("admission, route", ("streams/sources.py", "streams/suppress.py", "streams/dedup.py", "agents/dns.py", "/dns/")),
    ("limits, source", ("agents/limiter.py", "streams/limits/", "agents/shaping.py", "streams/shaping/")),
    ("limits, source", ("agents/source_choice.py", "agents/routing.py", "streams/control.py", "streams/warmup/")),
    ("SMTP", ("streams/smtp.py", "streams/replies.py", "agents/smtp_", "aiosmtplib", "asyncio/streams.py")),
    ("event", ("agents/outbox.py", "agents/finisher.py", "streams/events.py", "streams/outcome.py", "schemas/")),
    ("acknowledge", ("streams/window.py", "agents/chunks.py", "agents/safe_consumer.py")),
    ("event loop", ("execute_from_commandline",)),
    ("consume", ("aiokafka", "faust", "mode/", "kafka/")),
    ("delivery agent", ("agents/deliver.py", "agents/dispatch.py", "agents/maker.py", "agents/lane.py")),
    ("event loop", ("asyncio/", "uvloop", "selectors.py", "run_forever")),
)
OTHER, MAIN = "other", "MainThread"


def measure(lab: Lab, count: int, seconds: int) -> dict[str, Any]:
    """Shares of the samples by step, with the functions that were on top most often."""
    spy = Path(sys.executable).with_name("py-spy")
    command = str(spy) if spy.exists() else shutil.which("py-spy")
    if not command:
        return {"skipped": "py-spy is not installed"}
    with a_run(lab) as run:
        pid = run.start_worker()
        out = lab.folder / f"{run.prefix}.stacks"
        with proc.in_child(
            ours.write, run.settings.kafka, f"{run.prefix}.requests.bulk", "single", count, 10
        ) as written:
            written.result()
        wait(lambda: int(lab.receiver.stats()["accepted"]) > count * 0.05, ours.PATIENCE_S, "the worker sends")
        before = proc.cpu_by_thread(pid)
        words = ["record", "-d", str(seconds), "-r", "250", "-t", "-f", "raw", "-o", str(out), "--pid", str(pid)]
        done = subprocess.run([command, *words], capture_output=True, text=True, check=False)
        threads = ours.less(proc.cpu_by_thread(pid), before)
        left = count - int(lab.receiver.stats()["accepted"])
        if done.returncode or not out.exists():
            return {"skipped": f"py-spy: {(done.stderr or done.stdout).strip()[-300:]}"}
        return {**shares(out.read_text("utf-8", "replace")), "cpu_by_thread": threads, "messages_left": left}


def shares(stacks: str) -> dict[str, Any]:
    """From py-spy's raw format: `frame;frame;frame count` a line, the thread and the outermost frame first."""
    steps: Counter[str] = Counter()
    tops: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        frames = stack.split(";")
        if MAIN not in frames[0]:
            continue
        steps[step_of(frames)] += int(number)
        tops[frames[-1].rpartition(":")[0]] += int(number)
    total = sum(steps.values()) or 1
    return {
        "samples": total,
        "by_step": {name: round(n / total, 3) for name, n in steps.most_common()},
        "top_functions": {f"{name})": round(n / total, 3) for name, n in tops.most_common(20)},
    }


def step_of(frames: list[str]) -> str:
    """The step of the innermost frame that any step knows."""
    for frame in reversed(frames):
        for name, fragments in STEPS:
            if any(fragment in frame for fragment in fragments):
                return name
    return OTHER
