"""C7.54 and C7.55: which failures suppress, after how many, in which scope."""

import pytest

from schemas.records import Strike, Strikes
from schemas.topics import DAY
from streams import suppress_rules as rules
from streams.reply_rules import CLASSES
from streams.suppress import Scope
from streams.suppress_rules import SoftPolicy, Weight

POLICY = SoftPolicy()
NONE = Strikes("shop", "00")


def strikes(*days: float, kind: str = "address") -> Strikes:
    found = NONE
    for number, day in enumerate(days):
        found = rules.struck(found, Strike(int((1000 + day) * DAY), f"m{number}", kind), POLICY)
    return found


def test_c7_54_a_mailbox_that_does_not_exist_is_suppressed_at_once() -> None:
    assert rules.weight("invalid_recipient", True, "5.1.1") is Weight.AT_ONCE
    assert rules.weight("invalid_recipient", False, "5.1.1") is Weight.ADDRESS_STRIKE


def test_c7_54_an_unknown_domain_must_be_confirmed_a_null_mx_need_not() -> None:
    assert rules.weight("invalid_domain", True, "5.1.2") is Weight.DOMAIN_STRIKE
    assert rules.weight("invalid_domain", True, "5.1.10") is Weight.AT_ONCE
    assert not rules.due(strikes(0, kind="domain"), POLICY)
    assert rules.due(strikes(0, 1, kind="domain"), POLICY)


@pytest.mark.parametrize(
    "name", sorted(set(CLASSES) - {"invalid_recipient", "invalid_domain", "inactive", "mailbox_full"})
)
def test_c7_54_what_is_not_about_the_address_never_counts(name: str) -> None:
    assert rules.weight(name, True, "5.7.1") is Weight.NOTHING
    assert rules.weight(name, False, "") is Weight.NOTHING


@pytest.mark.parametrize(
    ("days", "suppressed"),
    [
        ((0, 2, 4, 6), False),  # too few
        ((0, 1, 2, 3, 4), False),  # too close together
        ((0, 2, 4, 6, 7), True),
        ((0, 0.1, 0.2, 0.3, 7), False),  # one a day counts
        ((0, 61, 62, 63, 68), False),  # the first one is forgotten
    ],
)
def test_c7_54_soft_failures_suppress_after_n_over_d_days(days: tuple[float, ...], suppressed: bool) -> None:
    assert rules.due(strikes(*days), POLICY) is suppressed


def test_c7_53_a_message_strikes_once() -> None:
    once = rules.struck(NONE, Strike(DAY, "m", "address"), POLICY)
    assert rules.struck(once, Strike(5 * DAY, "m", "address"), POLICY) == once


def test_a_delivery_clears_what_was_before_it_also_when_it_is_told_again() -> None:
    before = strikes(0, 2)
    after = rules.cleared(before, 1001 * DAY)
    assert [s.at for s in after.strikes] == [1002 * DAY]
    assert rules.struck(after, Strike(1000 * DAY, "m0", "address"), POLICY) == after
    assert rules.cleared(after, 0) == after


def test_old_strikes_are_forgotten() -> None:
    assert not rules.forgotten(strikes(10), POLICY, 1070 * DAY)
    assert rules.forgotten(strikes(10), POLICY, 1071 * DAY)


def test_scopes() -> None:
    assert rules.bounce_scope("shop") == Scope("shop", "*")
    assert rules.complaint_scope("shop", "bulk") == Scope("shop", "bulk")
    assert rules.complaint_scope("shop", "transactional") == Scope("shop", "*")
    assert rules.unsubscribe_scope("shop", "news.shop.example") == Scope("shop", "bulk", "news.shop.example")
    found = rules.suppression(Scope("shop", "bulk", "l"), "00", "unsubscribe", "event", 5, "a@b.example")
    assert (found.tenant, found.lane, found.list_id, found.expires_at) == ("shop", "bulk", "l", None)
