"""Versions of a template never change."""

import pytest

from schemas.records import Template
from streams.template_versions import Refused, Unchanged, Written, place

ONE = Template("t", 1, "*", "Hello", "text", created_at=5, author="ann")
EDITED = ONE._replace(version=0, subject="Good day", author="bo")


def test_the_first_and_the_next_version() -> None:
    assert place(EDITED, None, {}) == Written(EDITED._replace(version=1))
    assert place(EDITED, None, {1: ONE, 7: ONE._replace(version=7)}) == Written(EDITED._replace(version=8))


def test_the_same_content_is_not_written_again_whoever_writes_it() -> None:
    assert place(ONE._replace(version=0, author="bo", created_at=9), None, {1: ONE}) == Unchanged(1)
    assert place(ONE._replace(version=0), 1, {1: ONE}) == Unchanged(1)


def test_a_wanted_version() -> None:
    assert place(EDITED, 5, {1: ONE}) == Written(EDITED._replace(version=5))
    assert isinstance(place(EDITED, 1, {1: ONE}), Refused)


@pytest.mark.parametrize("version", [0, -1])
def test_versions_start_at_1(version: int) -> None:
    assert isinstance(place(EDITED, version, {}), Refused)


def test_going_back_to_old_content_is_a_new_version() -> None:
    two = EDITED._replace(version=2)
    assert place(ONE._replace(version=0), None, {1: ONE, 2: two}) == Written(ONE._replace(version=3))
