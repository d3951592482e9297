"""The counts of one key; what comes of them is tested with streams/limits/leases.py."""

from streams.limits.rate import Rate
from streams.limits.ticket import Cap, Hold, Ticket, small_wait_s


def ticket(urgent: bool = False) -> Ticket[str]:
    return Ticket((Cap("a", 2),), "x", urgent, 0.0)


def test_it_may_hold_what_is_granted_and_allowed() -> None:
    hold: Hold[str] = Hold(2, 0)
    hold.allotted = 5
    assert (hold.may, hold.free, hold.beyond) == (2, True, 0)
    hold.most = 1
    assert hold.may == 1


def test_what_it_holds_is_counted_once_whatever_it_does() -> None:
    hold: Hold[str] = Hold(2, 0)
    one = ticket(urgent=True)
    hold.give(one)
    one.held = one.resting = True
    hold.rest(one)
    hold.rest(one)
    assert hold.entry("a").back == 0
    one.resting = False
    hold.rest(one)
    assert hold.entry("a").back == 1
    hold.drop(one)
    assert (hold.held, hold.entry("a").back, hold.beyond) == (0, 0, 0)


def test_without_an_owner_one_in_ten_of_a_rate_goes_and_the_first_at_once() -> None:
    rate = Rate(2, 1.0)
    assert small_wait_s(rate, None, 100.0) == 0
    assert small_wait_s(rate, 100.0, 101.0) == 4.0
    assert small_wait_s(rate, 100.0, 105.0) == 0
    assert small_wait_s(rate, 100.0, 200.0) == 0
