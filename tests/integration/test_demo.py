"""The demo as a command: the ledger balances, the loop closes, and Ctrl-C leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from agents.demo.summary import RETURNED
from tests.support.receiver import ROOT

MESSAGES = 300
SECONDS = 240


def demo(folder: Path, environ: dict[str, str], *options: str) -> "subprocess.Popen[str]":
    clean = {k: v for k, v in os.environ.items() if not k.startswith("STREAMPOST_")}
    command = [sys.executable, "-m", "agents", "demo", "--folder", str(folder), *options]
    return subprocess.Popen(
        command, cwd=ROOT, env={**clean, **environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def no_java(folder: Path) -> dict[str, str]:
    """A PATH on which there is no Java: the demo takes the embedded broker."""
    (folder / "bin").mkdir()
    return {"PATH": str(folder / "bin")}


def left_behind(folder: Path) -> list[str]:
    """Processes that work for the demo of this folder: it is in their command or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # it has just ended, or is not ours
            continue
        if str(folder).encode() in said and process.name != str(os.getpid()):
            found.append(said.partition(b"\0\0")[0].decode("utf-8", "replace")[:200])
    return found


def finished(folder: Path, process: "subprocess.Popen[str]") -> tuple[dict[str, Any], str]:
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    assert "FAILED" not in output
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary, output


def taken(folder: Path) -> Counter[str]:
    """What the receiver itself wrote down: how often each recipient got mail."""
    return Counter(json.loads(line)["rcpt"] for line in (folder / "accepted.jsonl").read_text().splitlines())


def check(folder: Path, summary: dict[str, Any], output: str) -> None:
    """The ledger, the loop and the second campaign, against what the receiver wrote down."""
    assert (summary["accepted"], summary["open"], summary["difference"]) == (MESSAGES, 0, 0)
    by_recipient = taken(folder)
    assert by_recipient.total() == summary["delivered"] == summary["receiver_accepted"]
    assert summary["dkim_checked"] > 0
    assert summary["dkim_failed"] == 0

    assert {name: summary[name] for name in RETURNED} == summary["returned"]
    assert all(summary["returned"][name] > 0 for name in ("bounced_late", "complained", "unsubscribed", "opened"))
    assert summary["suppressed_by"]["complaint"] == summary["complained"]
    assert summary["suppressed_by"]["unsubscribe"] == summary["unsubscribed"]
    assert summary["suppressions_new"] == sum(summary["suppressed_by"].values())

    # every address has a number of its own: who was mailed twice is on the second list, and was not skipped
    assert 0 < summary["second_suppressed"] == summary["second_on_list"] < summary["second_messages"]
    mailed_again = sum(1 for times in by_recipient.values() if times == 2)
    assert mailed_again == summary["second_messages"] - summary["second_suppressed"]

    for words, name in (("bounced after delivery", "bounced_late"), ("complaints", "complained")):
        (line,) = (line for line in output.splitlines() if f"│ {words} " in line)
        assert [int(word) for word in line.split() if word.isdigit()][:2] == [summary[name]] * 2
    assert f"newly suppressed: {summary['suppressions_new']} addresses" in output
    assert f"{summary['second_on_list']} of them suppressed, {summary['second_suppressed']} skipped" in output
    assert {"starting", "sending", "waiting", "feedback", "second"} == set(summary["phases"])


@pytest.mark.kafka
def test_the_demo_on_a_kafka_that_is_there_closes_the_loop_and_leaves_no_topics(tmp_path: Path, kafka: str) -> None:
    folder = tmp_path / "demo"
    summary, output = finished(folder, demo(folder, {"STREAMPOST_KAFKA": kafka}, "--messages", str(MESSAGES)))
    check(folder, summary, output)
    assert summary["broker"] == "apache-kafka"
    assert left_behind(folder) == []
    assert [
        t for t in AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics if t.startswith("demo-")
    ] == []


def test_the_demo_without_java_closes_the_loop_and_runs_again_after_ctrl_c(tmp_path: Path) -> None:
    folder, environ = tmp_path / "demo", no_java(tmp_path)
    first = demo(folder, environ, "--messages", "2000")
    deadline = time.monotonic() + SECONDS
    while not (folder / "web.port").exists():
        assert first.poll() is None, first.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(left_behind(folder)) > 5
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGINT)  # whoever is impatient does not spoil it
    output, _ = first.communicate(timeout=90)
    assert (first.returncode, "stopped" in output) == (130, True), output
    assert left_behind(folder) == []

    summary, output = finished(folder, demo(folder, environ, "--messages", str(MESSAGES)))
    check(folder, summary, output)
    assert (summary["broker"], output.splitlines()[0][:24]) == ("embedded", "broker: the embedded one")


def test_a_folder_with_somebodys_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    process = demo(tmp_path, {})
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "is not empty" in output
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_kafka_that_does_not_answer_is_said_in_words(tmp_path: Path) -> None:
    process = demo(tmp_path / "demo", {"STREAMPOST_KAFKA": "127.0.0.1:9"})
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "unset STREAMPOST_KAFKA" in output
    assert "Traceback" not in output
    assert left_behind(tmp_path / "demo") == []
