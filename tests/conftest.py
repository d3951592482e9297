"""Fixtures for the whole suite: one real Apache Kafka per run, and a topic prefix of its own for every test.

With pytest-xdist the workers share that one broker (two would not fit on a small machine): the first worker that needs
it starts it, and ends it only when no other worker uses it any more.
"""

import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from agents.broker import running_kafka
from agents.kafka_jars import missing_reason
from tests.chaos.sink_parts import clickhouse_process

# no deadline: how long an example takes says how busy the machine is, not whether the code is right
settings.register_profile("streampost", deadline=None)
settings.load_profile("streampost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip Kafka tests only where Java or Maven are missing, and say which."""
    reason = missing_reason()
    for item in items:
        if reason and item.get_closest_marker("kafka"):
            item.add_marker(pytest.mark.skip(reason=reason))


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    """Hold an flock on the file; the kernel frees it if the process dies."""
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """Bootstrap address of a real Apache Kafka. Do not stop or restart it: start your own with running_kafka."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(pytestconfig, "workerinput") else base
    address, starting, using = shared / "kafka.address", shared / "kafka.starting", shared / "kafka.using"
    with ExitStack() as mine:
        with _locked(starting, fcntl.LOCK_EX):
            if first := not address.exists():
                broker = mine.enter_context(running_kafka(shared / f"kafka-{uuid.uuid4().hex[:8]}"))
                address.write_text(broker.bootstrap)
            user = mine.enter_context(ExitStack())
            user.enter_context(_locked(using, fcntl.LOCK_SH))
        yield address.read_text()
        user.close()
        if first:
            with _locked(starting, fcntl.LOCK_EX), _locked(using, fcntl.LOCK_EX):  # until nobody uses it
                address.unlink()
                mine.close()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A prefix that no other test uses, for topics and groups."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    return f"{name}-{os.getpid()}-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def clickhouse_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The HTTP port of an embedded ClickHouse; a test takes a database of its own."""
    with clickhouse_process(tmp_path_factory.mktemp("clickhouse")) as (_, port):
        yield port
