"""What /live, /ready and /metrics are told."""

from analytics.sink import health
from analytics.sink.metrics import STALLED_SECONDS, Metrics


def test_ready_only_with_an_assignment_and_working_inserts() -> None:
    metrics = Metrics()
    assert "no assignment" in metrics.ready(0.0)
    metrics.beat(10.0, assigned=True, failing=0)
    assert metrics.ready(11.0) == ""
    metrics.beat(12.0, assigned=True, failing=3)
    assert "3 partitions" in metrics.ready(12.0)
    assert metrics.live(12.0) == "", "ClickHouse being away is no reason to be killed"


def test_live_until_the_loop_stands_still() -> None:
    metrics = Metrics()
    assert metrics.live(1e9) == "", "not started yet"
    metrics.beat(10.0, assigned=True, failing=0)
    assert metrics.live(10.0 + STALLED_SECONDS) == ""
    assert "no round" in metrics.live(11.0 + STALLED_SECONDS)
    assert "no round" in metrics.ready(11.0 + STALLED_SECONDS)


def test_answers_by_path() -> None:
    metrics = Metrics()
    metrics.rows.labels("email_events_local").inc(5)
    paths = health.answers(metrics)
    assert paths["/live"]() == (200, "text/plain; charset=utf-8", b"ok\n")
    assert paths["/ready"]()[0] == 503
    assert b'streampost_sink_rows_total{table="email_events_local"} 5.0' in paths["/metrics"]()[2]
