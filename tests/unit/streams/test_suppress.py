"""Suppression: scopes, expiry, replacement, and no address taken for another."""

import pytest

from streams.suppress import Scope, Suppressed, SuppressionKey, SuppressionSet, parse_key, place_of, scopes

HASH = "00112233445566778899aabbccddeeff"


def key(tenant: str = "shop", lane: str = "bulk", address_hash: str = HASH) -> SuppressionKey:
    return SuppressionKey(Scope(tenant, lane), address_hash)


def test_keys_are_tenant_lane_hash() -> None:
    assert key().encode() == f"shop/bulk/{HASH}".encode()
    assert parse_key(key().encode()) == key()


BAD_HASHES = ["", "12", "z" * 32, "0x" + "1" * 30, "-" + "1" * 31, "1_" + "1" * 30, " " * 2 + "1" * 30, "0" * 33]
BAD_KEYS = [
    None,
    b"",
    b"shop/bulk",
    b"a/b/c/" + b"0" * 32,
    b"\xff",
    *(f"shop/bulk/{h}".encode() for h in BAD_HASHES),
    f"a/b/{HASH}/".encode(),
]


@pytest.mark.parametrize("raw", BAD_KEYS)
def test_other_keys_are_refused(raw: bytes | None) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_key(raw)


@pytest.mark.parametrize("scope", scopes("shop", "bulk"))
def test_each_scope_stops_the_mail_it_names(scope: Scope) -> None:
    table = SuppressionSet()
    table.put(SuppressionKey(scope, HASH), "complaint", None)
    assert table.find("shop", "bulk", HASH, 0) == Suppressed(scope, "complaint", None)
    assert (table.find("other", "bulk", HASH, 0) is not None) == (scope.tenant == "*")
    assert (table.find("shop", "transactional", HASH, 0) is not None) == (scope.lane == "*")


def test_the_narrowest_scope_is_named() -> None:
    table = SuppressionSet()
    for scope in reversed(scopes("shop", "bulk")):
        table.put(SuppressionKey(scope, HASH), scope.tenant + scope.lane, None)
    assert len(table) == 4
    for scope in scopes("shop", "bulk"):
        found = table.find("shop", "bulk", HASH, 0)
        assert found == Suppressed(scope, scope.tenant + scope.lane, None)
        table.remove(SuppressionKey(scope, HASH))
    assert len(table) == 0
    assert table.find("shop", "bulk", HASH, 0) is None


def test_a_list_stops_only_its_own_mail() -> None:
    table = SuppressionSet()
    scope = Scope("shop", "bulk", "weekly.shop.example")
    one = SuppressionKey(scope, HASH)
    assert one.encode() == f"shop/bulk/{HASH}/weekly.shop.example".encode()
    assert parse_key(one.encode()) == one
    assert str(scope) == "shop/bulk/weekly.shop.example"
    table.put(one, "unsubscribe", None)
    assert table.find("shop", "bulk", HASH, 0, "weekly.shop.example") == Suppressed(scope, "unsubscribe", None)
    for list_id in ("", "daily.shop.example"):
        assert table.find("shop", "bulk", HASH, 0, list_id) is None
    table.put(key(), "complaint", None)
    table.remove(one)
    assert table.find("shop", "bulk", HASH, 0, "weekly.shop.example") == Suppressed(key().scope, "complaint", None)


def test_get_looks_at_exactly_one_scope() -> None:
    table = SuppressionSet()
    table.put(key(), "unsubscribe", 5_000)
    assert table.get(key(), 0) == Suppressed(key().scope, "unsubscribe", 5_000)
    assert table.get(key(), 5_000) is None
    assert table.get(key(tenant="*"), 0) is None
    assert table.get(SuppressionKey(Scope("shop", "bulk", "weekly"), HASH), 0) is None


def test_an_expired_entry_no_longer_stops_but_a_wider_one_does() -> None:
    table = SuppressionSet()
    table.put(key(), "soft_bounces", 1_500)
    table.put(key(tenant="*"), "complaint", None)
    assert table.find("shop", "bulk", HASH, 1_499) == Suppressed(Scope("shop", "bulk"), "soft_bounces", 2_000)
    assert table.find("shop", "bulk", HASH, 2_000) == Suppressed(Scope("*", "bulk"), "complaint", None)


def test_expiry_never_ends_early_and_may_be_far_or_past() -> None:
    table = SuppressionSet()
    table.put(key(), "a", 10**15)
    assert table.find("shop", "bulk", HASH, 10**12) is not None
    table.put(key(), "a", 0)
    assert table.find("shop", "bulk", HASH, 10_000) is None


def test_a_new_record_replaces_the_old() -> None:
    table = SuppressionSet()
    table.put(key(), "manual", 1_000)
    table.put(key(), "complaint", None)
    assert len(table) == 1
    assert table.find("shop", "bulk", HASH, 10**12) == Suppressed(Scope("shop", "bulk"), "complaint", None)


def test_removing_what_is_not_there_changes_nothing() -> None:
    table = SuppressionSet()
    table.put(key(), "manual", None)
    table.remove(key(lane="*"))
    table.remove(key(address_hash="f" * 32))
    assert len(table) == 1


def test_hashes_that_differ_only_at_the_end_are_told_apart() -> None:
    table = SuppressionSet()
    table.put(key(), "manual", None)
    assert table.find("shop", "bulk", HASH[:-1] + "0", 0) is None
    assert table.find("shop", "bulk", "f" + HASH[1:], 0) is None


def test_more_reasons_than_fit_are_called_other() -> None:
    table = SuppressionSet()
    for i in range(300):
        table.put(key(address_hash=f"{i:032x}"), f"reason {i}", None)
    reasons = [table.find("shop", "bulk", f"{i:032x}", 0) for i in (0, 254, 255, 299)]
    assert [r.reason for r in reasons if r] == ["reason 0", "reason 254", "other", "other"]


def test_records_of_one_key_do_not_pile_up_before_anyone_asks() -> None:
    table = SuppressionSet()
    high, low = place_of(key())
    for _ in range(50):
        table.take([(high, low, "manual", None)] * 1000)
    assert len(table._buckets[0].highs) < 3000
    assert table.find("shop", "bulk", HASH, 0) == Suppressed(key().scope, "manual", None)
    assert len(table) == 1
