"""Sources that fail under a real worker: nothing is lost, nothing counts as an attempt, and they come back."""

import time
from collections import Counter
from pathlib import Path

import pytest

from schemas.records import Control
from streams import control
from tests.support.proxies import free_port, running_dante
from tests.support.sources import setting, until_used

pytestmark = pytest.mark.kafka

NOT_OURS = "192.0.2.1"
"""TEST-NET-1 (RFC 5737): an address that no machine has."""


def test_a_source_that_cannot_be_bound_loses_nothing_and_costs_no_attempt(kafka: str, tmp_path: Path) -> None:
    with setting(kafka, tmp_path, f'bind = "{NOT_OURS}"') as s:
        requests = s.send(40)
        assert s.sources(requests) == {"one": 40}
        peers = {line["peer"] for line in s.site.receiver.accepted()}
        assert peers == {"127.0.0.2"}
        s.pools('bind = "127.0.0.3"')  # SIGHUP: mended
        until_used(s, "two")


def test_without_any_usable_source_mail_waits_with_the_reason_and_then_goes(kafka: str, tmp_path: Path) -> None:
    with setting(kafka, tmp_path, f'bind = "{NOT_OURS}"', "two = 1") as s:
        requests = s.send(5)
        for request in requests:
            event = s.site.outcome(request)
            assert (event.event_type, event.attempt) == ("throttled", 1)
            assert event.reason.startswith("no source of the pool bulk is usable (two: cannot bind 192.0.2.1")
            assert event.next_attempt_at is not None
        s.pools('bind = "127.0.0.3"', "two = 1")
        assert s.sources(requests) == {"two": 5}


def test_a_proxy_that_dies_is_left_out_and_comes_back_by_itself(kafka: str, tmp_path: Path) -> None:
    port = free_port()
    with setting(kafka, tmp_path, f'socks5 = {{ host = "127.0.0.1", port = {port} }}') as s:
        with running_dante(tmp_path, port, "127.0.0.31"):
            assert s.sources(s.send(20)) == {"one": 10, "two": 10}
        assert s.sources(s.send(20)) == {"one": 20}
        with running_dante(tmp_path, port, "127.0.0.31"):
            until_used(s, "two")
            assert s.sources(s.send(20))["two"] >= 9
        peers = Counter(line["peer"] for line in s.site.receiver.accepted())
        assert set(peers) == {"127.0.0.2", "127.0.0.31"}


def test_a_source_that_a_provider_blocks_leaves_the_pool_there_and_only_there(kafka: str, tmp_path: Path) -> None:
    with setting(kafka, tmp_path, 'bind = "127.0.0.3"') as s:
        ends = time.time_ns() // 1_000_000 + 20_000
        order = Control(
            "override", provider="gmail", source="two", action="suspend", reason="blocked", author="t", expires_at=ends
        )
        s.site.put("control", control.key(order), "Control", order._asdict())
        deadline = time.monotonic() + 10
        while s.sources(s.send(4, "ann@gmail.test"))["two"]:
            assert time.monotonic() < deadline, "the order is not obeyed"
        assert s.sources(s.send(20, "ann@gmail.test")) == {"one": 20}
        assert s.sources(s.send(20)) == {"one": 10, "two": 10}
        s.site.put("control", control.key(order), "Control", None)
        until_used(s, "two", "ann@gmail.test")
