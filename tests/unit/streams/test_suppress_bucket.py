"""Entries in order, whatever order they came in; that all agrees with a dictionary is in tests/properties."""

from streams.suppress_bucket import REMOVED, Bucket

Entry = tuple[int, int, int, int]


def loose(*entries: Entry) -> Bucket:
    """A bucket with entries that nobody has sorted."""
    bucket = Bucket()
    for high, low, until, why in entries:
        bucket.highs.append(high)
        bucket.lows.append(low)
        bucket.untils.append(until)
        bucket.whys.append(why)
    return bucket


def rows(bucket: Bucket) -> list[Entry]:
    bucket.sort()
    assert bucket.sorted == len(bucket.highs)
    return list(zip(bucket.highs, bucket.lows, bucket.untils, bucket.whys, strict=True))


def test_sorted_by_the_high_word_and_those_of_one_as_they_came() -> None:
    assert rows(loose((5, 1, 0, 0), (3, 9, 7, 1), (5, 0, 0, 2))) == [(3, 9, 7, 1), (5, 1, 0, 0), (5, 0, 0, 2)]


def test_the_last_of_one_key_counts() -> None:
    assert rows(loose((5, 1, 0, 0), (5, 2, 0, 0), (5, 1, 8, 3))) == [(5, 1, 8, 3), (5, 2, 0, 0)]


def test_what_was_removed_is_gone_and_what_came_after_is_not() -> None:
    gone = (1, 1, REMOVED, 0)
    assert rows(loose((1, 1, 0, 0), gone, (2, 2, 0, 0))) == [(2, 2, 0, 0)]
    assert rows(loose(gone, (1, 1, 9, 4))) == [(1, 1, 9, 4)]


def test_one_is_put_among_those_that_were_not_sorted() -> None:
    bucket = loose((9, 1, 0, 0), (3, 1, 0, 0))
    bucket.put(5, 1, 7, 1)
    bucket.put(9, 1, 8, 2)
    bucket.put(3, 1, REMOVED, 0)
    bucket.put(3, 2, REMOVED, 0)
    assert rows(bucket) == [(5, 1, 7, 1), (9, 1, 8, 2)]
    assert bucket.at(9, 1) == (1, True)
    assert bucket.at(9, 2) == (2, False)
