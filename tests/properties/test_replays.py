"""What a replay has sent is exactly what the metadata gives back."""

from hypothesis import given
from hypothesis import strategies as st

from streams.replays import Sent, from_metadata, to_metadata, with_sent

OFFSETS = st.sets(st.integers(0, 3000), max_size=200)


@given(st.integers(0, 2**40), OFFSETS, st.binary(max_size=8))
def test_metadata_round_trip_also_with_garbage_behind(base: int, above: set[int], garbage: bytes) -> None:
    sent = with_sent(Sent(base), {base + o for o in above})
    text = to_metadata(sent) + garbage.decode("latin-1")
    assert from_metadata(sent.base, text) == sent
    assert len(to_metadata(sent)) <= 4096


@given(st.lists(OFFSETS, max_size=5), st.integers(0, 3500))
def test_exactly_the_sent_offsets_are_sent(batches: list[set[int]], oldest: int) -> None:
    sent = with_sent(Sent(), (), oldest)
    for batch in batches:
        sent = with_sent(sent, batch)
    expected = set(range(oldest)).union(*batches)
    assert {o for o in range(4000) if o in sent} == expected
    assert sent.base not in expected, "the base is the first one that was not sent"
