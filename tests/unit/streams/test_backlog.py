"""What may wait for a path follows what the path gets done."""

import pytest

from streams.backlog import FEW, LATE_S, SPAN_S, WAIT_S, YOUNG_S, Pace, Waiting, goes_behind, last_message, worth


def test_a_new_path_may_fill_up_unless_its_site_failed_before() -> None:
    assert Pace(100.0).room(100.0 + YOUNG_S / 2, trusted=True) == float("inf")
    assert Pace(100.0).room(100.0 + YOUNG_S / 2, trusted=False) == FEW


def test_a_path_that_does_nothing_keeps_few() -> None:
    assert Pace(100.0).room(100.0 + YOUNG_S, trusted=True) == FEW


@pytest.mark.parametrize(("each_s", "seconds"), [(0.01, 10), (0.1, 10), (0.02, 7)])
def test_the_room_is_what_leaves_within_the_wait(each_s: float, seconds: int) -> None:
    pace, now = Pace(0.0), 0.0
    while now < seconds:
        now += each_s
        pace.left(now, last=False)
    assert pace.per_second(now) == pytest.approx(1 / each_s, rel=0.25)
    assert pace.room(now, trusted=True) == pytest.approx(WAIT_S / each_s, rel=0.25)


def test_old_work_does_not_count() -> None:
    pace = Pace(0.0)
    for n in range(500):
        pace.left(n / 100, last=False)
    assert pace.per_second(5.0 + 2 * SPAN_S) == 0
    assert pace.room(5.0 + 2 * SPAN_S, trusted=True) == FEW


def test_a_burst_after_quiet_may_wait_for_a_path_that_did_all_it_was_asked_for() -> None:
    pace = Pace(0.0)
    for n in range(30):
        pace.came(float(n))
        pace.left(float(n), last=True)
    pace.came(60.0)
    assert pace.room(60.0 + YOUNG_S / 2, trusted=True) == float("inf")
    assert pace.room(60.0 + YOUNG_S / 2, trusted=False) == FEW
    assert pace.room(60.0 + YOUNG_S, trusted=True) == FEW


def test_a_path_whose_mail_was_handed_back_has_not_drained() -> None:
    pace = Pace(0.0)
    pace.left(1.0, last=False)
    pace.came(60.0)
    assert pace.room(60.0, trusted=True) == FEW


@pytest.mark.parametrize(
    ("waiting", "wanted", "opened", "worth_it"),
    [
        pytest.param(Waiting(1, 0.0, False), 0, 0, 1, id="the first"),
        pytest.param(Waiting(1, 0.0, False), 1, 1, 1, id="it has just come, and the connection may soon be free"),
        pytest.param(Waiting(1, 2 * LATE_S, False), 1, 1, 2, id="it has waited"),
        pytest.param(Waiting(1, 0.0, True), 1, 1, 2, id="urgent mail does not wait"),
        pytest.param(Waiting(3, 1.0, True), 2, 1, 1, id="one is being opened"),
        pytest.param(Waiting(9, 1.0, False), 5, 5, 6, id="few at a time"),
        pytest.param(Waiting(40, 1.0, False), 5, 5, 5, id="many: one for each ten"),
    ],
)
def test_how_many_connections_what_waits_is_worth(waiting: Waiting, wanted: int, opened: int, worth_it: int) -> None:
    assert worth(waiting, wanted, opened, for_each=10) == worth_it


@pytest.mark.parametrize(
    ("waiting", "opened", "may_open", "behind"),
    [
        pytest.param(1, 1, False, True, id="the only connection there may be"),
        pytest.param(1, 1, True, False, id="a new one will have it sooner"),
        pytest.param(2, 1, True, True, id="one for the new one, one behind"),
        pytest.param(1, 2, False, False, id="the other one may be free before"),
        pytest.param(2, 2, False, True, id="each has one behind it"),
    ],
)
def test_what_goes_out_behind_another_message(waiting: int, opened: int, may_open: bool, behind: bool) -> None:
    assert goes_behind(waiting, opened, may_open) == behind


def test_connections_end_one_after_another_and_few_messages_are_not_made_fewer() -> None:
    chances = [n / 100 for n in range(100)]
    assert {last_message(200, chance) for chance in chances} == set(range(151, 201))
    assert {last_message(3, chance) for chance in chances} == {3}
    assert {last_message(1, chance) for chance in chances} == {1}
