"""The views of migration 009 say what their first definitions said, in a world full of trouble."""

import random
import re
import uuid
from typing import Any

import pytest

from analytics import migrate, query
from schemas.event import TERMINAL, EventType
from schemas.topics import LANES
from tests.chaos import sink_parts
from tests.chaos.sink_parts import T0

pytestmark = pytest.mark.clickhouse
HOUR = 3_600_000
MESSAGES = 800
ENDS = sorted(TERMINAL)
LATER_WORDS = (EventType.OPENED, EventType.CLICKED, EventType.COMPLAINED, EventType.BOUNCED_LATE)
WAITS = (EventType.DEFERRED, EventType.THROTTLED, EventType.HELD, EventType.ATTEMPTED)
Row = dict[str, Any]


class World:
    """Requests and events of one message after the other; `offset` is that of the next record."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.requests: list[Row] = []
        self.events: list[Row] = []
        self.offset = 0

    def message(self, number: int) -> None:
        """One that is accepted or not, waits, ends or not, is replayed or not; any of it more than once."""
        chance = self.chance
        who: Row = {
            "message_id": uuid.UUID(int=number // 2 * 2**64 + number // 2),  # two tenants may use the same id
            "tenant_id": ("shop", "news", "bank")[number % 3],
            "recipient_domain": chance.choice(("gmail.test", "outlook.test", "yahoo.test")),
        }
        lane, born = chance.choice(LANES), T0 + chance.randrange(5 * HOUR)
        if chance.random() < 0.9:  # the others are ends that nobody accepted
            self.request(who, lane, born)
        for _ in range(chance.choice((0, 0, 1, 4))):
            self.event(who, lane, chance.choice(WAITS), born)
        for end in chance.choice(((), ENDS[:1], ENDS[1:2], chance.sample(ENDS, 1), chance.sample(ENDS, 3))):
            self.event(who, lane, end, born)
        if chance.random() < 0.2:
            self.request(who, lane, born + chance.randrange(HOUR), replayed=True)
            for end in chance.sample(ENDS, chance.choice((0, 1, 1, 2))):
                self.event(who, lane, end, born)
        for word in chance.sample((*LATER_WORDS, EventType.DUPLICATE), chance.choice((0, 1, 2))):
            self.event(who, lane, word, born)

    def batch(self, number: int) -> None:
        """The recipients of one record share its offset, time and lane; some of them end."""
        self.offset += 1
        for part in range(5):
            who = {"message_id": uuid.UUID(int=number + part), "tenant_id": "shop", "recipient_domain": "gmail.test"}
            self.request(who, "bulk", T0, offset=self.offset)
            if part:
                self.event(who, "bulk", ENDS[part], T0)

    def request(self, who: Row, lane: str, at: int, replayed: bool = False, offset: int | None = None) -> None:
        """Written once, or again by a producer or a rewound sink: in the same hour or in another one."""
        for copy in range(self.chance.choice((1, 1, 2))):
            self.offset += 1
            self.requests.append({
                **who, "request_id": "1", "lane": lane, "accepted_at": at + copy * self.chance.choice((0, HOUR)),
                "replayed": replayed, "kafka_topic": "t", "kafka_partition": 0, "kafka_offset": offset or self.offset,
            })  # fmt: skip

    def event(self, who: Row, lane: str, event_type: str, born: int) -> None:
        """Once, or again with an offset of its own. Times tie often, and a few are from before 1970."""
        at = born + self.chance.randrange(3) * HOUR // 2 if self.chance.random() < 0.98 else -5000
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            self.offset += 1
            where = {"queued_at": born, "stream": lane, "kafka_partition": 0, "kafka_offset": self.offset}
            more = {"event_id": str(uuid.uuid4()), "event_time": at, "event_type": event_type, **self.wait(at)}
            self.events.append(sink_parts.event(1, **more, **where, **who))

    def wait(self, at: int) -> Row:
        """What v_queue tells apart."""
        chance = self.chance
        due = chance.choice((None, at + chance.randrange(HOUR)))
        return {"provider": chance.choice(("", "gmail")), "reason": chance.choice(("rate", "pause")),
                "next_attempt_at": due, "attempt": chance.randrange(3)}  # fmt: skip


def insert(client: Any, table: str, rows: list[Row]) -> None:
    """In four pieces, in no order: one message is in several parts."""
    random.Random(1).shuffle(rows)
    for piece in (rows[i::4] for i in range(4)):
        client.insert(table, [list(row.values()) for row in piece], column_names=list(piece[0]))


def first_definition(client: Any, view: str) -> str:
    """The view as the earliest migration made it, under another name."""
    made = [s for m in migrate.available() for s in migrate.statements(m.sql) if f"VIEW {view} " in s]
    assert len(made) > 1, "it was made anew since"
    sql = migrate.fill(re.sub(rf"VIEW {view}\b", f"VIEW first_{view}", made[0]), {"ON_CLUSTER": ""})
    client.command(sql)
    return f"first_{view}"


def lines(client: Any, view: str) -> list[Row]:
    """In an order that the time of asking does not change."""
    names = ("lane", "recipient_domain", "provider", "tenant_id", "state", "reason")
    rows = query.ask(client, f"SELECT * FROM {view}").dicts()
    return sorted(rows, key=lambda row: [row.get(name, "") for name in names])


@pytest.mark.parametrize("seed", [1, 2])
def test_the_lean_views_answer_as_the_first_ones(clickhouse_port: int, seed: int) -> None:
    client = sink_parts.database(
        sink_parts.settings_for("127.0.0.1:1", clickhouse_port, f"lean-{uuid.uuid4().hex[:8]}")
    )
    world = World(seed)
    for number in range(MESSAGES):
        world.message(number)
    for number in range(10):
        world.batch(10**6 + 10 * number)
    insert(client, "email_requests_local", world.requests)
    insert(client, "email_events_local", world.events)

    new, old = (query.ask(client, f"SELECT * FROM {v}") for v in ("v_ledger", first_definition(client, "v_ledger")))
    assert new == old
    total = query.ledger_total(client)
    assert min(total._replace(difference=1)) > 0, "every column has been tried"

    for view in ("v_queue_age", "v_queue"):
        waiting, first = lines(client, view), lines(client, first_definition(client, view))
        assert sum(row["open"] for row in waiting) == total.open
        for row, by_first in zip(waiting, first, strict=True):
            assert 0 <= by_first.pop("oldest_seconds") - row.pop("oldest_seconds") <= 60, "asked a moment later"
            assert row == by_first
