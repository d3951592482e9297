"""The bounce reader on mutated mails: never an exception, the same for every line end, only known words.

`make fuzz [FUZZ_MAILS=20000] [FUZZ_SEED=7]` mutates that many, watches the time of each, and says how many there were
and which was the slowest.
"""

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.bounces import Inspection, inspect
from streams.bounces.inspection import KINDS, MAX_DIAGNOSTIC
from streams.classify import ADVICE, CLASSES, SCOPES, STAGES, classify
from tests.unit.streams.bounces.samples import SHAPES, block, feedback, report

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpora" / "bounces"
OWN = [*SHAPES.values(), report(block("ann@example.org")), feedback("Feedback-Type: abuse\n")]
FUZZ_MAILS = int(os.environ.get("FUZZ_MAILS", "0"))
FUZZ_SEED = int(os.environ.get("FUZZ_SEED", "7"))
SECONDS = 1.0

INSERTS = [b"<", b"@", b"a@", b"=?utf-8?q?", b"--", b"\n", b" ", b'"', b"\x00", b"<style>", b"550 5.1.1 ", b"> ", b"{"]
INSERTS += [b"multipart/mixed; boundary=a\n\n--a\n", b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n"]


def mutated(rnd: random.Random, mails: list[bytes]) -> bytes:
    raw = bytearray(rnd.choice(mails))
    for _ in range(rnd.randint(1, 8)):
        start = rnd.randrange(len(raw) + 1)
        end = min(len(raw), start + rnd.randint(1, 400))
        match rnd.randrange(7):
            case 0:
                raw[start:end] = rnd.randbytes(end - start)
            case 1:
                del raw[start:end]
            case 2:
                raw[start:start] = raw[start:end] * rnd.randint(1, 300)
            case 3:
                raw[start:start] = rnd.choice(INSERTS) * rnd.randint(1, 20_000)
            case 4:
                raw[start:start] = rnd.choice(mails)
            case 5:
                del raw[start:]
            case 6:
                raw[start:end] = raw[start:end].swapcase()
    return bytes(raw)


def check(found: Inspection) -> None:
    assert found.kind in KINDS
    for r in found.recipients:
        assert r.bounce_class in {*CLASSES, ""}
        assert len(r.diagnostic) <= MAX_DIAGNOSTIC
        assert not (r.hard and (r.action != "failed" or r.bounce_class not in {"invalid_recipient", "invalid_domain"}))


def real_mails() -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.glob("*.eml"))]


def test_c7_57_mutated_mails_of_our_own() -> None:
    rnd = random.Random(20260601)
    for _ in range(200):
        check(inspect(mutated(rnd, OWN)))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no shared corpus here")
def test_c7_57_mutated_real_mails(capsys: pytest.CaptureFixture[str]) -> None:
    rnd = random.Random(FUZZ_SEED)
    mails = real_mails()
    taken = []
    for number in range(FUZZ_MAILS or 100):
        raw = mutated(rnd, mails)
        started = time.process_time()
        check(inspect(raw))
        taken.append((time.process_time() - started, number, len(raw)))
    slowest, number, size = max(taken)
    if FUZZ_MAILS:  # only make fuzz watches the clock: a busy machine must not fail a unit test
        told = f"fuzz: {len(taken)} mails, seed {FUZZ_SEED}; slowest {slowest:.3f} s: mail {number}, {size} octets"
        with capsys.disabled():
            print(f"\n{told}; mean {sum(t for t, _, _ in taken) / len(taken) * 1000:.1f} ms")
        assert slowest < SECONDS, told


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no shared corpus here")
def test_real_mails_read_the_same_with_every_line_end() -> None:
    for raw in real_mails():
        lf = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        expected = inspect(lf)
        assert inspect(raw) == expected
        assert inspect(lf.replace(b"\n", b"\r\n")) == expected
        assert inspect(lf.replace(b"\n", b"\r")) == expected


@given(st.binary(max_size=2000))
def test_any_octets(raw: bytes) -> None:
    check(inspect(raw))


@given(
    st.sampled_from(STAGES),
    st.one_of(st.just(0), st.integers(200, 599)),
    st.one_of(st.just(""), st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True)),
    st.text(max_size=300),
)
def test_any_reply_has_a_verdict(stage: str, code: int, enhanced: str, text: str) -> None:
    verdict = classify(stage, code, enhanced, text)
    assert verdict.bounce_class in CLASSES
    assert verdict.scope in SCOPES
    assert verdict.advice in ADVICE
    assert not verdict.hard or (verdict.permanent and verdict.scope in {"address", "domain"})
    if 400 <= code < 500:
        assert not verdict.permanent
