"""Rates as people write them."""

import pytest

from streams.limits.rate import Rate, parse


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/s", Rate(100, 1.0)),
        ("1,000/min", Rate(1000, 60.0)),
        ("1000 / Minute", Rate(1000, 60.0)),
        ("5_000/h", Rate(5000, 3600.0)),
        ("20000/d", Rate(20000, 86400.0)),
        ("1/day", Rate(1, 86400.0)),
    ],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert parse(text) == rate


@pytest.mark.parametrize(
    "text", ["", "100", "/s", "100/", "0/s", "-1/s", "1.5/s", "10/w", "10/s x", "10000000000/s", 5]
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="100/s"):
        parse(text)


@pytest.mark.parametrize("text", ["100/s", "1000/min", "5000/h", "20000/d"])
def test_a_rate_is_written_as_it_is_read(text: str) -> None:
    assert str(parse(text)) == text


def test_a_rate_of_another_period_is_written_in_seconds() -> None:
    assert str(Rate(3, 10.0)) == "3/10s"


def test_a_second_of_it() -> None:
    assert parse("1200/min").per_second == 20.0
