"""The tables on a real broker: complete before ready, live afterwards, not stopped by a bad record."""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence

import pytest

from agents import tables, topics_admin
from agents.compacted import TableError, read_all
from agents.follower import Follower
from agents.records_writer import Record, WriteError, write_all
from agents.settings import Settings
from schemas.codec import encode
from schemas.records import Control, Suppression, Template
from streams.control import Facts, key
from streams.render import Compiled, RenderError, render
from streams.suppress import Scope, SuppressionKey

pytestmark = pytest.mark.kafka

HASHES = [f"{i:032x}" for i in range(0, 2**120, 2**120 // 3000)]


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    found = Settings(kafka=kafka, topic_prefix=prefix, request_partitions=1, delay_partitions=1, small_partitions=2)
    admin = topics_admin.client(found)
    topics_admin.create_missing(admin, topics_admin.wanted_topics(found), {})
    return found


@pytest.fixture
def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def write(settings: Settings, topic: str, records: Sequence[tuple[bytes, bytes | None]]) -> None:
    named = (Record(f"{settings.topic_prefix}.{topic}", *record) for record in records)
    assert write_all(settings.librdkafka(), named) == len(records)


def suppression(address_hash: str, **fields: object) -> tuple[bytes, bytes]:
    record = Suppression(tenant="shop", address_hash=address_hash)._replace(**fields)  # type: ignore[arg-type]
    record_key = SuppressionKey(Scope(record.tenant, record.lane), address_hash).encode()
    return record_key, encode("Suppression", record._asdict())


async def eventually(check: Callable[[], bool], timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


async def test_suppressions_are_complete_when_ready_and_follow_live(settings: Settings) -> None:
    removed: list[tuple[bytes, bytes | None]] = [(suppression(h)[0], None) for h in HASHES[:500]]
    write(settings, "suppressions", [*map(suppression, HASHES), *removed])
    table = tables.SuppressionTable(settings)
    table.follower.start()
    await table.follower.ready()
    assert len(table.set) == len(HASHES) - 500
    assert table.find("shop", "bulk", HASHES[0], 0) is None
    assert table.find("shop", "bulk", HASHES[600], 0) is not None
    write(settings, "suppressions", [suppression(HASHES[0], tenant="*", lane="bulk", reason="complaint")])
    await eventually(lambda: table.find("other", "bulk", HASHES[0], 0) is not None)
    assert table.find("other", "transactional", HASHES[0], 0) is None
    write(settings, "suppressions", [(suppression(HASHES[0], tenant="*", lane="bulk")[0], None)])
    await eventually(lambda: table.find("other", "bulk", HASHES[0], 0) is None)
    await table.follower.stop()
    assert table.follower.failure is None


async def test_bad_records_are_counted_and_passed_over(settings: Settings) -> None:
    good_key, good = suppression(HASHES[7])
    write(
        settings,
        "suppressions",
        [
            (b"nonsense", good),
            (good_key, b"\xff\xff"),
            (b"shop/*/zz", None),
            (suppression(HASHES[8])[0], good),
            (good_key, good),
        ],
    )
    table = tables.SuppressionTable(settings)
    table.follower.start()
    await table.follower.ready()
    assert table.follower.bad_records == 4
    assert len(table.set) == 1
    assert table.find("shop", "bulk", HASHES[7], 0) is not None
    await table.follower.stop()


async def test_templates_newest_version_and_tenant(settings: Settings) -> None:
    versions = [Template("welcome", v, "shop", f"Hello {v}", "text {{ name }}") for v in (1, 2, 10)]
    write(settings, "templates", [(b"welcome@%d" % t.version, encode("Template", t._asdict())) for t in versions])
    table = tables.TemplateTable(settings)
    table.follower.start()
    await table.follower.ready()
    newest = table.find("welcome", None, "shop")
    assert isinstance(newest, Compiled)
    assert render(newest, {"name": "Ann"}).subject == "Hello 10"  # type: ignore[union-attr]
    assert isinstance(table.find("welcome", 3, "shop"), RenderError)
    assert isinstance(table.find("welcome", None, "newsletter"), RenderError)
    write(settings, "templates", [(b"welcome@10", None), (b"welcome@x", None)])
    await eventually(lambda: table.templates.versions("welcome") == (1, 2) and table.follower.bad_records == 1)
    await table.follower.stop()


async def test_control_orders_come_and_go(settings: Settings) -> None:
    order = Control("pause", tenant="shop", reason="looking", author="ann", created_at=1, expires_at=1000)
    table = tables.ControlTable(settings)
    table.follower.start()
    await table.follower.ready()
    facts = Facts(tenant="shop", campaign="spring", lane="bulk")
    assert table.find(facts, 0) is None
    write(settings, "control", [(key(order), encode("Control", order._asdict()))])
    await eventually(lambda: table.find(facts, 0) == order)
    assert table.find(facts, 1000) is None
    write(settings, "control", [(key(order), None)])
    await eventually(lambda: table.find(facts, 0) is None)
    await table.follower.stop()


async def test_a_missing_topic_is_an_error_that_says_what_to_do(kafka: str, prefix: str) -> None:
    follower: Follower[object] = Follower(
        Settings(kafka=kafka).librdkafka(), f"{prefix}.nothing", lambda entry: entry, lambda changes: None
    )
    follower.start()
    with pytest.raises(TableError, match="streampost topics create"):
        await follower.ready(20)
    await follower.stop()
    assert isinstance(follower.failure, TableError)


def test_read_all_ends_at_the_end(settings: Settings) -> None:
    topic = f"{settings.topic_prefix}.suppressions"
    assert list(read_all(settings.librdkafka(), topic)) == []
    write(settings, "suppressions", [suppression(h) for h in HASHES])
    found = list(read_all(settings.librdkafka(), topic))
    assert sorted(e.key for e in found if e.key) == sorted(suppression(h)[0] for h in HASHES)


def test_a_record_that_the_broker_refuses_is_an_error(settings: Settings) -> None:
    topic = f"{settings.topic_prefix}.suppressions"  # compacted: a record without a key is refused
    # one after the other: the broker refuses whole batches, and the good one may travel in the bad one's
    assert write_all(settings.librdkafka(), [Record(topic, b"key", b"v")]) == 1
    with pytest.raises(WriteError, match="1 of 1 records are not written"):
        write_all(settings.librdkafka(), [Record(topic, None, b"v")])


async def test_without_a_broker_the_wait_ends_with_an_error(free_port: int) -> None:
    follower: Follower[object] = Follower(
        Settings(kafka=f"127.0.0.1:{free_port}").librdkafka(),
        "email.control",
        lambda entry: entry,
        lambda changes: None,
    )
    follower.start()
    with pytest.raises(TimeoutError, match=r"nothing came for 0.5 s"):
        await follower.ready(0.5)
    await follower.stop()
