"""Counting what became of mail, by source, provider and day."""

import pytest

from streams.warmup.counts import DAY_MS, Book, Counts, rate, total
from tests.warmup.events import event

PATH = ("ip-1", "gmail")
IGNORED = frozenset({"greylisted"})


def counted(*events: dict[str, object], day: int = 1) -> Counts:
    book = Book()
    for one in events:
        book.add(one, day, IGNORED)
    return book.of(PATH, day, day)


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (event("delivered"), Counts(1, 1)),
        (event("deferred"), Counts(1, 0, 1)),
        (event("deferred", bounce_class="greylisted"), Counts(1)),
        (event("deferred", smtp_code=0), Counts()),
        (event("deferred", smtp_code=0, attrs={"stage": "body"}), Counts(1, 0, 1)),
        (event("expired", smtp_code=451, bounce_class="rate_limited"), Counts(1, 0, 1)),
        (event("expired"), Counts()),
        (event("in_doubt"), Counts(1)),
        (event("bounced"), Counts(1, 0, 0, 1)),
        (event("bounced", source_ip=""), Counts()),
        (event("bounced_late"), Counts(0, 0, 0, 1)),
        (event("bounced_late", bounce_class="greylisted"), Counts()),
        (event("complained"), Counts(0, 0, 0, 0, 1)),
    ],
)
def test_what_each_event_adds(given: dict[str, object], counts: Counts) -> None:
    assert counted(given) == counts


def test_a_complaint_without_a_source_is_shared_by_what_each_delivered() -> None:
    book = Book()
    for source, count in (("ip-1", 30), ("ip-2", 10)):
        for _ in range(count):
            book.add(event("delivered", source_ip=source), 1, IGNORED)
    book.add(event("delivered", source_ip="ip-3", provider="yahoo"), 1, IGNORED)
    assert book.add(event("complained", source_ip=""), 2, IGNORED) is None
    assert book.of(PATH, 2, 2).complained == 0.75
    assert book.of(("ip-2", "gmail"), 2, 2).complained == 0.25
    assert book.of(("ip-3", "yahoo"), 1, 2).complained == 0


def test_a_complaint_without_a_provider_is_shared_by_what_went_where() -> None:
    book = Book()
    for provider, count in (("gmail", 30), ("yahoo", 10)):
        for _ in range(count):
            book.add(event("delivered", provider=provider), 1, IGNORED)
    book.add(event("complained", provider=""), 1, IGNORED)
    book.add(event("complained", provider="", source_ip=""), 1, IGNORED)
    assert book.of(PATH, 1, 1).complained == 1.5
    assert book.of(("ip-1", "yahoo"), 1, 1).complained == 0.5


def test_a_complaint_that_nobody_can_have_caused_is_nobodys() -> None:
    assert counted(event("complained", source_ip="")) == Counts()


def test_days_are_kept_apart_summed_and_forgotten() -> None:
    book = Book()
    for day in (1, 2, 3):
        for _ in range(day):
            book.add(event("delivered", day * DAY_MS), day, IGNORED)
    assert [book.of(PATH, d, d).sent for d in (1, 2, 3)] == [1, 2, 3]
    assert book.of(PATH, 2, 3).sent == 5
    book.forget(3)
    assert book.days() == {PATH: {3: Counts(3, 3)}}
    assert Book(book.days()).days() == book.days()
    book.forget(4)
    assert book.days() == {}


def test_sums_and_rates_of_nothing() -> None:
    assert total([]) == Counts()
    assert rate(0, 0) == 0
