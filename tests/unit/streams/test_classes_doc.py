"""docs/classes.md is complete: every class has its row in both tables, with what the data says."""

import re
from pathlib import Path

from streams.classify import ADVICE, CLASSES
from streams.reply_rules import tables

DOC = (Path(__file__).parents[3] / "docs" / "classes.md").read_text("utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    section = DOC.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in cells[2:]}


def test_meaning_table_says_what_the_data_says() -> None:
    found = rows("What a class means")
    assert set(found) == set(CLASSES)
    for name, traits in tables().traits.items():
        _, scope, hard, permanent, transient = found[name]
        assert scope.startswith(traits.scope)
        assert hard == ("yes" if traits.hard else "no")
        assert (permanent, transient) == (traits.advice_permanent, traits.advice_transient)


def test_mapping_table_is_complete() -> None:
    found = rows("Other people's words")
    assert set(found) == set(CLASSES)
    for ses, sendgrid, postmark in found.values():
        assert re.fullmatch(r"(Permanent|Transient|Undetermined) / \w+", ses)
        assert sendgrid
        assert re.fullmatch(r"\w+ \(\d+\)", postmark)


def test_every_advice_is_explained() -> None:
    assert all(f"`{name}`" in DOC for name in ADVICE)
