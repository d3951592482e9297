"""The caps as a worker finds them."""

from schemas.records import Control
from streams.control import key
from streams.limits.rate import Limit, Rate
from streams.warmup import orders
from streams.warmup.caps import Caps, cap_of


def cap(source: str, provider: str, value: str, **fields: object) -> Control:
    return Control("warmup", source=source, provider=provider, value=value)._replace(**fields)  # type: ignore[arg-type]


def caps(*given: Control) -> Caps:
    found = Caps()
    for order in given:
        found.put(key(order), order)
    return found


def test_a_cap_is_a_limit_over_the_day() -> None:
    found = caps(cap("ip-1", "gmail", "500/d"))
    assert cap_of(found, "ip-1", "gmail") == Limit("warmup/ip-1/gmail", Rate(500, 86400))
    assert cap_of(found, "ip-1", "yahoo") is None
    assert cap_of(found, "ip-2", "gmail") is None


def test_a_cap_for_any_provider_gives_each_a_bucket_of_its_own() -> None:
    found = caps(cap("ip-1", "*", "50/d"), cap("ip-1", "gmail", "500/d"), cap("ip-1", "yahoo", orders.WARM))
    assert cap_of(found, "ip-1", "gmx") == Limit("warmup/ip-1/gmx", Rate(50, 86400))
    assert cap_of(found, "ip-1", "gmail") == Limit("warmup/ip-1/gmail", Rate(500, 86400))
    assert cap_of(found, "ip-1", "yahoo") is None


def test_starts_holds_and_other_kinds_are_no_caps() -> None:
    start = orders.start("ip-1", "gmail", 1, "ann", "new", 1)
    assert len(caps(start, orders.hold("ip-1", "gmail", "ann", "why", 1), Control("pause", source="ip-1"))) == 0


def test_a_lifted_cap_is_gone() -> None:
    one = cap("ip-1", "gmail", "500/d")
    found = caps(one)
    found.remove(key(one))
    found.remove(key(one))
    assert cap_of(found, "ip-1", "gmail") is None


def test_a_record_that_becomes_something_else() -> None:
    found = Caps()
    found.put(b"k", cap("ip-1", "gmail", "500/d"))
    found.put(b"k", cap("ip-1", "yahoo", "500/d"))
    assert (cap_of(found, "ip-1", "gmail"), cap_of(found, "ip-1", "yahoo") is None) == (None, False)
