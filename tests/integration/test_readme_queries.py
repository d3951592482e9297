"""The README's questions are asked of a real engine with the real tables: each has an answer, and its chart."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from agents.cli import build
from analytics import clickhouse, migrate
from analytics.query import ask
from analytics.settings import Settings
from tests.chaos.sink_parts import clickhouse_process

pytestmark = pytest.mark.clickhouse

README = Path(__file__).resolve().parents[2] / "README.md"
QUERIES = re.findall(r'streampost query "([^"]+)"', README.read_text("utf-8"))
EVENTS = """
INSERT INTO email_events_local
    (event_id, event_time, event_type, tenant_id, message_id, recipient_domain, provider, queued_at)
SELECT generateUUIDv4(number), now64(3),
       ['delivered', 'deferred', 'bounced', 'opened', 'clicked', 'unsubscribed', 'complained'][number % 7 + 1], 'shop',
       generateUUIDv4(number), 'gmail.test', ['gmail', 'other'][number % 2 + 1], now64(3)
FROM numbers(60)
"""

REQUESTS = """
INSERT INTO email_requests_local (message_id, request_id, tenant_id, lane, recipient_domain, accepted_at)
SELECT generateUUIDv4(number), toString(number), 'shop', 'bulk', 'gmail.test', now64(3) FROM numbers(3)
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with clickhouse_process(tmp_path_factory.mktemp("clickhouse")) as (_, port):
        settings = Settings(clickhouse_url=f"http://default@127.0.0.1:{port}/readme")
        migrate.run(settings)
        connected = clickhouse.connect(settings)
        connected.command(EVENTS)
        connected.command(REQUESTS)
        yield connected


def test_the_readme_asks_something() -> None:
    assert len(QUERIES) >= 3
    assert sum("AS chart" in sql for sql in QUERIES) >= 2


def test_pages_and_commands_that_it_names_are_there() -> None:
    text = README.read_text("utf-8")
    pages = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [page for page in pages if not (README.parent / page).exists()] == []
    assert {str(p.relative_to(README.parent)) for p in (README.parent / "docs").glob("*.md")} <= set(pages)
    known = {c.name or c.callback.__name__ for c in build().registered_commands if c.callback}
    known |= {g.name for g in build().registered_groups if g.name}
    assert {name for name in re.findall(r"streampost ([a-z]+)", text) if name not in known} == set()


@pytest.mark.parametrize("sql", QUERIES, ids=range(len(QUERIES)))
def test_every_question_has_an_answer(client: Client, sql: str) -> None:
    answer = ask(client, sql)
    assert answer.rows
    if "AS chart" in sql:
        assert max(len(row[-1]) for row in answer.rows) == 40
