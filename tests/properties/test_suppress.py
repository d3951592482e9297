"""The compact set behaves as a dictionary of all entries would."""

from hypothesis import given
from hypothesis import strategies as st

from streams.suppress import (
    Note,
    Scope,
    Suppressed,
    SuppressionKey,
    SuppressionSet,
    parse_key,
    place_of,
    scopes,
)

# few and close to each other, so that they meet: the same high word, the same bucket, the same scope
HASHES = st.sampled_from([f"{high:016x}{low:016x}" for high in (0, 1, 2**63) for low in (0, 1, 2**64 - 1)])
LIST = "weekly.shop.example"
SCOPES = st.builds(
    Scope, st.sampled_from(["shop", "news", "*"]), st.sampled_from(["bulk", "*"]), st.sampled_from(["", LIST, "other"])
)
KEYS = st.builds(SuppressionKey, SCOPES, HASHES)
CHANGES = st.lists(
    st.tuples(KEYS, st.sampled_from(["put", "remove"]), st.one_of(st.none(), st.integers(1, 5).map(lambda s: s * 1000)))
)

OTHERS: list[Note] = [(number << 48, number, "other", None) for number in range(1, 101)]


def taken(changes: list[tuple[SuppressionKey, str, int | None]], many: bool) -> SuppressionSet:
    """What a follower has after two batches; `many` with others, so that they are not put one by one."""
    table = SuppressionSet()
    notes: list[Note] = [
        (*place_of(key), f"reason {number}" if action == "put" else None, until)
        for number, (key, action, until) in enumerate(changes)
    ]
    for part in (notes[:5], notes[5:]):
        table.take([*part, *OTHERS] if many else part)
        table.find("shop", "bulk", f"{len(notes) % 2:032x}", 0)
    return table


@given(CHANGES, HASHES, st.integers(0, 6000))
def test_the_set_agrees_with_a_dictionary(
    changes: list[tuple[SuppressionKey, str, int | None]], wanted: str, now_ms: int
) -> None:
    table, model = SuppressionSet(), dict[SuppressionKey, tuple[str, int | None]]()
    for number, (key, action, until) in enumerate(changes):
        if action == "put":
            table.put(key, f"reason {number}", until)
            model[key] = (f"reason {number}", until)
        else:
            table.remove(key)
            model.pop(key, None)
    expected = None
    for scope in scopes("shop", "bulk", LIST):
        entry = model.get(SuppressionKey(scope, wanted))
        if expected is None and entry and (entry[1] is None or entry[1] > now_ms):
            expected = Suppressed(scope, *entry)
    assert len(table) == len(model)
    assert table.find("shop", "bulk", wanted, now_ms, LIST) == expected
    for many in (False, True):
        followed = taken(changes, many)
        assert followed.find("shop", "bulk", wanted, now_ms, LIST) == expected
        assert len(followed) == len(model) + many * len(OTHERS)
        assert followed.find("shop", "bulk", wanted, now_ms, LIST) == expected


@given(KEYS)
def test_keys_survive_their_bytes(key: SuppressionKey) -> None:
    assert parse_key(key.encode()) == key


@given(st.binary())
def test_any_key_is_read_or_refused(raw: bytes) -> None:
    try:
        key = parse_key(raw)
    except ValueError:
        return
    SuppressionSet().put(key, "manual", None)
