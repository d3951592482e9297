"""Refusals as servers word them (wordings.txt): each is read as a person would read it."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.bounces import diagnostic
from streams.classify import CLASSES, STAGES, classify

_REPLY = re.compile(r"([245]\d\d)[ -](?=#?([245]\.\d{1,3}\.\d{1,3})?)")


class Wording(NamedTuple):
    """A line of the table."""

    classes: tuple[str, ...]
    hard: bool
    stage: str
    words: str


def wordings() -> list[Wording]:
    lines = Path(__file__).with_name("wordings.txt").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|", 3)] for line in lines if not line.startswith("#")]
    return [Wording(tuple(classes.split()), hard == "hard", stage, words) for classes, hard, stage, words in rows]


def read(stage: str, words: str) -> tuple[str, bool]:
    """As the reader reads a returned mail, or as the worker reads a reply."""
    if stage == "dsn":
        found = diagnostic.recipient("", words)
        return found.bounce_class, found.hard
    reply = _REPLY.match(words)
    assert reply
    verdict = classify(stage, int(reply[1]), reply[2] or "", words[reply.end() :])
    return verdict.bounce_class, verdict.hard


@pytest.mark.parametrize("wording", wordings(), ids=lambda w: w.words[:60].encode("ascii", "replace").decode())
def test_c7_52_a_wording(wording: Wording) -> None:
    bounce_class, hard = read(wording.stage, wording.words)
    assert bounce_class in wording.classes
    assert hard is wording.hard


def test_the_table_is_well_formed_and_has_every_class() -> None:
    rows = wordings()
    assert {w.stage for w in rows} <= set(STAGES)
    assert {name for w in rows for name in w.classes} == set(CLASSES) - {"unknown"}
    assert len({w.words for w in rows}) == len(rows)
