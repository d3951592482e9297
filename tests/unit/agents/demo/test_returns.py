"""Which mail gets which deed: the same at every run, in about the shares that are said."""

import json
from collections import Counter
from pathlib import Path

import pytest

from agents.demo.returns import BOUNCED, COMPLAINED, COMPLAINT_EVERY, DEEDS, KEPT_SHARE, Ports, Returns, deed
from agents.receiver.journal import share_of
from streams.breaker import STOP, BreakerRule, Tally, judge

NAMES = [f"id-{i}" for i in range(20_000)]


def test_deeds_come_in_their_shares() -> None:
    found = Counter(deed(name, 1) for name in NAMES)
    assert set(found) == {what for _, what in DEEDS} | {""}
    for thousandths, what in DEEDS:
        assert abs(found[what] / len(NAMES) - thousandths / 1000) < 0.01


def test_the_deed_does_not_hang_on_what_is_kept() -> None:
    kept = [name for name in NAMES if share_of(name) < 0.2]
    assert abs(len(kept) / len(NAMES) - 0.2) < 0.01
    assert abs(sum(deed(name, 1) == "opened" for name in kept) / len(kept) - 0.25) < 0.03


def test_complaints_come_evenly_and_the_shipped_breaker_does_not_stop_the_tenant() -> None:
    complaints = 0
    for kept in range(1, 20_001):
        complaints += deed("any", kept) == COMPLAINED
        tally = Tally(delivered=int(kept / KEPT_SHARE), complained=complaints)
        assert judge(tally, BreakerRule()).level != STOP
    assert complaints == 20_000 // COMPLAINT_EVERY


def test_a_failure_of_the_thread_is_raised_at_the_end(tmp_path: Path) -> None:
    name = next(n for n in NAMES if share_of(n) < 0.2 and deed(n, 1) == BOUNCED)
    line = {"id": name, "file": "gone.eml", "mail_from": "b-x@bounce.example", "rcpt": "a@b.test"}
    (tmp_path / "accepted.jsonl").write_text(json.dumps(line) + "\n")
    returns = Returns(tmp_path / "accepted.jsonl", tmp_path, Ports(1, 1))
    returns.start()
    with pytest.raises(FileNotFoundError):
        returns.finish()


def test_mail_that_was_not_kept_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "accepted.jsonl").write_text("".join(json.dumps({"id": n}) + "\n" for n in NAMES[:100]))
    returns = Returns(tmp_path / "accepted.jsonl", tmp_path, Ports(1, 1))
    returns.start()
    assert returns.finish() == Counter()
