"""`streampost inspect` and `streampost classify` through the command line: output, mbox, stdin, broken input."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.cli import inspect
from tests.unit.streams.bounces.samples import SHAPES

PROGRAM = "import typer; from agents.cli import inspect; app = typer.Typer(); inspect.register(app); app()"
ROOT = Path(__file__).parents[4]
CORPUS = ROOT.parent / "shared" / "corpora" / "bounces"
# the share of records that must come out right, a little below what is reached: a change that costs more is a defect
FLOORS = {"bounce recognised": 97, "some failed address": 95, "status class digit": 95, "hard or soft": 95, "class": 90}


def run(*args: str, data: bytes = b"") -> tuple[list[dict[str, Any]], str, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *args], input=data, capture_output=True, cwd=ROOT, check=False
    )
    assert b"Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode(), done.returncode


def test_inspect_prints_the_agreed_fields(tmp_path: Path) -> None:
    path = tmp_path / "bounce.eml"
    path.write_bytes(SHAPES["exim"])
    (line,), _, code = run("inspect", str(path))
    assert code == 0
    assert line == {
        "file": str(path),
        "kind": "bounce",
        "feedback_type": "",
        "recipients": [
            {
                "address": "ann@example.org",
                "action": "failed",
                "status": "5.1.1",
                "reply_code": "550",
                "class": "invalid_recipient",
                "hard": True,
                "diagnostic": "550 5.1.1 no such user",
            }
        ],
        "message_id": "m1@example.com",
        "token": "tok-1234567890abcdef",
    }


def test_inspect_reads_mbox_and_stdin() -> None:
    envelope = b"From MAILER-DAEMON Mon Jun  1 10:00:00 2026\n"
    mbox = envelope + SHAPES["exim"] + b"\n" + envelope + SHAPES["postfix"] + b"\n"
    lines, _, _ = run("inspect", data=mbox)
    assert [(x["file"], x["recipients"][0]["class"]) for x in lines] == [
        ("-", "invalid_recipient"),
        ("-", "mailbox_full"),
    ]


def test_inspect_goes_on_after_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(b"\xff\x00")
    lines, errors, code = run("inspect", str(tmp_path / "none"), str(path))
    assert [x["kind"] for x in lines] == ["other"]
    assert "none: No such file" in errors
    assert code == 1


def test_inspect_names_the_limit_that_a_mail_broke() -> None:
    (line,), _, code = run("inspect", data=b"X: y\n" * 2000)
    assert (line["kind"], code) == ("other", 0)
    assert "header fields" in line["problem"]


def test_mbox_splitting_holds_only_one_mail() -> None:
    mails = list(inspect.split_mbox([b"From a Mon Jun  1 10:00:00 2026\n", b"A: b\n", b"\n", b"From here on\n"]))
    assert len(mails) == 1, "From inside a text is no envelope"


def test_classify_prints_a_line_per_reply() -> None:
    replies = b"550-5.1.1 no such\r\n550 5.1.1 user\r\n\r\n421 4.7.28 rate\n250 ok\nmailbox full\n\xff\n"
    lines, _, code = run("classify", data=replies)
    assert code == 0
    assert [(x["code"], x["enhanced"], x["class"], x["hard"]) for x in lines] == [
        (550, "5.1.1", "invalid_recipient", True),
        (421, "4.7.28", "rate_limited", False),
        (250, "", "unknown", False),
        (0, "", "mailbox_full", False),
        (0, "", "unknown", False),
    ]
    assert lines[0]["reply"] == "550-5.1.1 no such\n550 5.1.1 user"
    assert set(lines[0]) == {"reply", "code", "enhanced", "class", "hard", "scope", "permanent", "advice", "rule"}


def test_classify_refuses_an_unknown_stage() -> None:
    _, errors, code = run("classify", "--stage", "nowhere")
    assert code == 2
    assert "--stage" in errors


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no shared corpus here")
def test_figures_on_the_shared_corpus() -> None:
    files = sorted(CORPUS.glob("*.eml"))
    lines = "\n".join(inspect.mail_line(str(path), path.read_bytes()) for path in files)
    done = subprocess.run(
        [sys.executable, str(CORPUS / "score.py"), str(CORPUS)], input=lines, capture_output=True, text=True, check=True
    )
    for measure, floor in FLOORS.items():
        line = next(x for x in done.stdout.splitlines() if x.startswith(measure + " "))
        assert float(line.removeprefix(measure).split("%")[0]) >= floor, done.stdout
