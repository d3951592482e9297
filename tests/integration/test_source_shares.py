"""How a real worker shares mail among real source addresses, as the receiver sees them, also while one of them dies."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.proxies import egress, free_port, running_dante, running_haproxy
from tests.support.receiver import Receiver
from tests.support.sources import ONE, TOOK_IT, setting, until_used

pytestmark = pytest.mark.kafka

THREE = {"one": ONE, "two": 'bind = "127.0.0.3"', "three": 'bind = "127.0.0.4"'}
MESSAGES = 10_000
WANTED = {"127.0.0.2": 5000, "127.0.0.3": 3000, "127.0.0.4": 2000}


@pytest.mark.parametrize("strategy", ["weighted_round_robin", "least_connections"])
def test_shares_at_the_receiver_are_those_of_the_weights(kafka: str, tmp_path: Path, strategy: str) -> None:
    """Least connections looks at speed too, and here each source opens its connections as its queue grows."""
    with setting(kafka, tmp_path, "", "one = 5, two = 3, three = 2", sources=THREE, strategy=strategy) as s:
        requests = s.send(MESSAGES)
        assert {events[-1].event_type for events in s.ends(requests)} == {"delivered"}
        assert Counter(line["peer"] for line in s.site.receiver.accepted()) == pytest.approx(WANTED, rel=0.05)


Breakable = Callable[[Path, int, Receiver], AbstractContextManager[Any]]
BREAKABLE: dict[str, tuple[str, Breakable]] = {
    "socks5": (
        'socks5 = {{ host = "127.0.0.1", port = {port} }}',
        lambda folder, port, _: running_dante(folder, port, "127.0.0.31"),
    ),
    "proxy_protocol": (
        'proxy_protocol = {{ host = "127.0.0.1", port = {port}, address = "127.0.0.31" }}',
        lambda folder, port, _: running_haproxy(folder, port, *egress(port, ["127.0.0.31"])),
    ),
    "relay": (
        'relay = {{ host = "127.0.0.1", port = {port}, tls = "none" }}',
        lambda folder, port, receiver: running_haproxy(
            folder, port, f"bind 127.0.0.1:{port}", f"server r 127.0.0.1:{receiver.smtp} source 127.0.0.31"
        ),
    ),
}


@pytest.mark.parametrize("kind", BREAKABLE)
def test_a_source_that_dies_while_it_sends_loses_nothing_and_comes_back(kafka: str, tmp_path: Path, kind: str) -> None:
    lines, running = BREAKABLE[kind]
    port = free_port()
    with setting(kafka, tmp_path, lines.format(port=port)) as s, ExitStack() as alive:
        alive.enter_context(running(tmp_path, port, s.site.receiver))
        s.site.receiver.delay(0.02)
        requests = s.send(600)
        s.site.receiver.wait_for(100)
        alive.close()  # SIGKILL, in the middle of its mail
        unsure = 0
        for events, taken in zip(s.ends(requests), s.taken(requests), strict=True):
            assert events[-1].event_type == "delivered", events
            doubts = sum(e.reason == TOOK_IT for e in events)
            unsure += doubts
            assert 1 <= taken <= 1 + doubts, events
        by = Counter(line["peer"] for line in s.site.receiver.accepted())
        assert set(by) == {"127.0.0.2", "127.0.0.31"}
        assert by["127.0.0.31"] < 200 < by["127.0.0.2"]
        assert unsure <= 20, "no more than were under way"
        alive.enter_context(running(tmp_path, port, s.site.receiver))
        until_used(s, "two")
