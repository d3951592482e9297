"""The glance says what the codec says, of anything that we write; everything else is left to the codec."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.avro_files import current
from schemas.records import Suppression
from schemas.suppression_wire import FIELDS, Glance, wire

NAMES = st.text(st.characters(codec="ascii", exclude_characters="/", min_codepoint=33), min_size=1, max_size=300)
TIMES = st.integers(-(2**63), 2**63 - 1)
ITEMS = st.builds(
    Suppression,
    tenant=NAMES,
    address_hash=st.integers(0, 2**128 - 1).map("{:032x}".format),
    address=st.text(max_size=200),
    lane=NAMES,
    reason=st.text(max_size=100),
    origin=st.text(max_size=300),
    created_at=TIMES,
    expires_at=st.none() | TIMES,
    list_id=st.just("") | NAMES,
)


def test_it_knows_todays_schema() -> None:
    """When a field is added, `glance` must learn it: until then every worker starts slowly."""
    assert tuple(f["name"] for f in current("Suppression").json["fields"]) == FIELDS == Suppression._fields


def seen(item: Suppression, raw: bytes) -> Glance | None:
    reader = wire(item.tenant.encode(), item.lane.encode())
    return reader.glance(raw, item.address_hash.encode()) if reader else None


@given(ITEMS)
def test_the_same_as_the_codec_or_nothing(item: Suppression) -> None:
    found = seen(item, codec.encode("Suppression", item._asdict()))
    usual = not item.list_id and max(len(item.tenant), len(item.lane), len(item.reason.encode())) <= 63
    assert (found is not None) is usual
    assert found is None or found == (item.reason, item.expires_at)


@given(st.lists(ITEMS, max_size=5), st.randoms(use_true_random=False))
def test_what_it_read_before_changes_nothing(items: list[Suppression], chance: Random) -> None:
    reader = wire(b"shop", b"bulk")
    assert reader
    for item in chance.choices(items, k=20) if items else ():
        one = item._replace(tenant="shop", lane="bulk", address_hash=f"{chance.getrandbits(128):032x}")
        raw = codec.encode("Suppression", one._asdict())
        assert reader.glance(raw, one.address_hash.encode()) == seen(one, raw)
        damaged = raw[: chance.randrange(len(raw))] + chance.randbytes(3)
        assert reader.glance(damaged, one.address_hash.encode()) == seen(one, damaged)


def test_a_record_that_was_cut_short_is_not_remembered() -> None:
    item = Suppression("shop", "0" * 32, "a@b.example", "bulk", "manual", "typed by hand", 0, None)
    raw, reader = codec.encode("Suppression", item._asdict()), wire(b"shop", b"bulk")
    assert reader
    for end in range(len(raw)):
        assert reader.glance(raw[:end], b"0" * 32) is None
        assert reader.glance(raw, b"0" * 32) == ("manual", None)
        reader = wire(b"shop", b"bulk")
        assert reader


@given(ITEMS, st.data())
def test_what_is_cut_longer_or_anothers_is_not_taken(item: Suppression, data: st.DataObject) -> None:
    item, other = item._replace(list_id=""), data.draw(ITEMS)
    raw = codec.encode("Suppression", item._asdict())
    assert seen(item, raw[: data.draw(st.integers(0, len(raw) - 1))]) is None
    assert seen(item, raw + b"\x00") is None
    assert other[:2] + other[3:4] == item[:2] + item[3:4] or seen(other, raw) is None


@given(ITEMS, st.binary(max_size=400))
def test_any_octets(item: Suppression, body: bytes) -> None:
    raw = codec.encode("Suppression", item._asdict())
    seen(item, raw[: raw.index(item.address_hash.encode()) + 32] + body)
    assert seen(item, b'{"tenant": "shop"}') is None
