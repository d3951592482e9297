"""The web application without Kafka: nothing is promised that is not confirmed, and nothing waits without end."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client import Counter
from starlette.types import Message

from agents.config_files import ConfigHolder, load
from agents.outbox import Outbox
from agents.settings import Settings
from agents.tables import SuppressionTable
from agents.web import desk as desks
from agents.web.app import MAX_BODY, build_app
from agents.web.desk import Desk
from agents.web.metrics import DROPPED, METRICS, UNTRACKED
from schemas.topics import DAY
from streams.web_tokens import WebTrace, sign

ROOT = Path(__file__).parents[4]
SETTINGS = Settings(kafka="127.0.0.1:1", config_dir=ROOT / "config")
ONE_CLICK = b"List-Unsubscribe=One-Click"
PERSON = (b"user-agent", b"Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose broker never answers."""
    monkeypatch.setattr(desks, "CONFIRM_S", 0.05)
    outbox = Outbox({**SETTINGS.librdkafka(), "log_level": 0})
    holder = ConfigHolder(lambda: load(SETTINGS.config_dir))
    yield Desk(holder, SuppressionTable(SETTINGS), outbox, SETTINGS.signing_keys, "email", 2)
    outbox._producer.purge()


def path(start: str, kind: str, link: str = "") -> str:
    now = int(time.time())
    mail = ("newsletter", "bulk", str(uuid.uuid4()), "0f" * 16, "letter.example", "spring", "harbour.test")
    return start + sign(WebTrace(kind, *mail, 1, now * 1000 // DAY + 9, link, now - 3600), SETTINGS.signing_keys)


async def ask(
    desk: Desk, method: str, where: str, *pieces: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Answer:
    """One request through ASGI; the piece "gone" is a client that goes away."""
    scope = {"type": "http", "method": method, "path": where, "query_string": b"", "headers": list(headers)}
    sent: list[Message] = []
    left = list(pieces)

    async def receive() -> Message:
        if left and left[0] == b"gone":
            return {"type": "http.disconnect"}
        piece = left.pop(0) if left else b""
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    await build_app(desk)(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))


def count(metric: Counter, *labels: str) -> float:
    return float(metric.labels(*labels)._value.get())


async def test_without_confirmation_nothing_is_promised(desk: Desk) -> None:
    where = path("/u/", "unsubscribe")
    answer = await ask(desk, "POST", where, ONE_CLICK)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert b"Please try again" in answer.body
    assert b"Nothing changes until" in (await ask(desk, "GET", where)).body


async def test_many_that_wait_are_refused_at_once_and_opens_are_left_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "MAX_PENDING", 0)
    before = count(DROPPED, "opened")
    answer = await ask(desk, "GET", path("/o/", "open") + ".gif", headers=(PERSON,))
    assert (answer.status, answer.body[:6]) == (200, b"GIF89a")
    assert count(DROPPED, "opened") == before + 1
    assert (await ask(desk, "POST", path("/u/", "unsubscribe"), ONE_CLICK)).status == 503
    click = await ask(desk, "GET", path("/c/", "click", "https://a.example/"), headers=(PERSON,))
    assert click.headers["location"] == "https://a.example/"


async def test_an_open_does_not_wait_for_kafka(desk: Desk) -> None:
    answer = await asyncio.wait_for(ask(desk, "GET", path("/o/", "open") + ".gif", headers=(PERSON,)), 30)
    assert answer.status == 200
    assert desk._outbox.pending == 1


async def test_who_does_not_want_to_be_counted_is_not(desk: Desk) -> None:
    before = count(UNTRACKED, "open")
    await ask(desk, "GET", path("/o/", "open") + ".gif", headers=(PERSON, (b"sec-gpc", b"1")))
    assert desk._outbox.pending == 0
    assert count(UNTRACKED, "open") == before + 1


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ((b"x" * MAX_BODY, b"y"), 413),
        ((b"List-Unsubscribe=", b"gone"), 413),
        ((b"do=nothing",), 400),
        ((b"do=sto", b"p"), 503),
    ],
)
async def test_bodies_in_pieces(desk: Desk, pieces: tuple[bytes, ...], status: int) -> None:
    assert (await ask(desk, "POST", path("/u/", "unsubscribe"), *pieces)).status == status


async def test_a_tenant_that_is_gone_can_still_be_left(desk: Desk) -> None:
    now = int(time.time())
    trace = WebTrace(
        "unsubscribe", "gone", "bulk", str(uuid.uuid4()), "0f" * 16, "", "", "a.test", 1, now * 1000 // DAY + 9
    )
    answer = await ask(desk, "GET", "/u/" + sign(trace, SETTINGS.signing_keys))
    assert b"Stop receiving newsletters from gone?" in answer.body


def test_every_metric_is_registered() -> None:
    names = [next(iter(m.describe())).name for m in METRICS]
    assert len(set(names)) == len(METRICS) == 7
    assert all(name.startswith("streampost_web_") for name in names)
