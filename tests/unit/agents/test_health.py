"""What /live and /ready say, and that they are really served."""

from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import Counter

from agents.health import Health


class Clock:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Iterator[Health]:
    made = Health(10, clock)
    yield made
    made.close()


def _status(health: Health, path: str) -> int:
    return health.answer(path)[0]


def test_live_as_long_as_there_is_progress(health: Health, clock: Clock) -> None:
    assert _status(health, "/live") == 200
    clock.now = 10.5
    assert health.answer("/live") == (503, "text/plain; charset=utf-8", b"no progress for 10 s\n")
    health.progress()
    assert _status(health, "/live") == 200


def test_ready_needs_both_the_flag_and_progress(health: Health, clock: Clock) -> None:
    assert _status(health, "/ready") == 503
    health.ready = True
    assert _status(health, "/ready") == 200
    clock.now = 11
    assert _status(health, "/ready") == 503


def test_metrics_are_those_of_this_process_object(health: Health) -> None:
    Counter("things", "Things.", registry=health.registry).inc(3)
    body = health.answer("/metrics")[2]
    assert b"things_total 3.0" in body
    assert b"streampost_progress_age_seconds 0.0" in body


def test_served_on_the_port_in_the_file(health: Health, tmp_path: Path) -> None:
    port = health.serve("127.0.0.1", 0, tmp_path / "port")
    assert int((tmp_path / "port").read_text()) == port
    with urlopen(f"http://127.0.0.1:{port}/live?x=1") as answer:
        assert answer.read() == b"ok\n"
    with pytest.raises(HTTPError, match="503"):
        urlopen(f"http://127.0.0.1:{port}/ready")
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"http://127.0.0.1:{port}/nothing")


def test_a_port_that_is_taken_is_an_error(health: Health, clock: Clock) -> None:
    port = health.serve("127.0.0.1")
    with pytest.raises(OSError, match="in use"):
        Health(10, clock).serve("127.0.0.1", port)
