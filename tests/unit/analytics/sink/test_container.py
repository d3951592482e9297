"""The Avro container that carries events undecoded; fastavro's own reader is the oracle."""

import io

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from analytics.sink import container
from schemas import codec
from tests.chaos.sink_parts import event


@given(st.integers(-(2**63), 2**63 - 1))
def test_zigzag_is_avros_long(number: int) -> None:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    assert container.zigzag(number) == out.getvalue()


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=5), st.integers(0, 2**31 - 1))
def test_container_reads_back_with_partition_and_offset(offsets: list[int], partition: int) -> None:
    events = [event(i, diagnostic="ü" * i) for i in range(len(offsets))]
    bodies = [(o, codec.encode("DeliveryEvent", e)[10:]) for o, e in zip(offsets, events, strict=True)]
    rows = list(fastavro.reader(io.BytesIO(container.container(bodies, partition))))
    assert [(r["kafka_partition"], r["kafka_offset"]) for r in rows] == [(partition, o) for o in offsets]
    assert [r["diagnostic"] for r in rows] == [e["diagnostic"] for e in events]
    assert tuple(rows[0]) == container.columns()


def test_header_is_the_first_ten_bytes_of_an_event() -> None:
    assert codec.encode("DeliveryEvent", event(1))[:10] == container.single_object_header()
