"""Every row of a list is in exactly one batch, of its domain, whatever the list; and again in the same one."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.batch import MAX_RECIPIENTS
from streams.campaign import MAX_BATCH_BYTES, Batch, Batcher, Row, key_of

DOMAINS = st.sampled_from(["a.example", "b.example", "gmail.test"])
ROWS = st.lists(st.tuples(DOMAINS, st.integers(0, MAX_BATCH_BYTES // 3)), max_size=60)


def batches(rows: list[Row]) -> list[Batch]:
    batcher = Batcher({"gmail.test"})
    return [b for row in rows if (b := batcher.put(row))] + list(batcher.rest())


@given(ROWS)
def test_each_row_once_in_a_batch_of_its_key_within_the_bounds(found: list[tuple[str, int]]) -> None:
    rows = [Row(f"id-{i}", f"r{i}@{domain}", domain, "", "x" * size) for i, (domain, size) in enumerate(found)]
    made = batches(rows)
    assert sorted(r.id for b in made for r in b.rows) == sorted(r.id for r in rows)
    for batch in made:
        assert 1 <= len(batch.rows) <= MAX_RECIPIENTS
        assert sum(r.size for r in batch.rows) <= MAX_BATCH_BYTES
        assert {key_of(r, {"gmail.test"}) for r in batch.rows} == {batch.key}
    assert [b.fingerprint for b in batches(rows)] == [b.fingerprint for b in made]
