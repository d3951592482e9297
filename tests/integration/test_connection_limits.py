"""Limits of connections over several real workers, as the receiver counts them."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agents.smtp_terms import NONE_FREE
from streams.limits.bucket import BURST_S
from tests.limits.agents import QuotaAgents
from tests.support.delay import end, start_delay
from tests.support.limits_sim import most_above
from tests.support.receiver import running_receiver
from tests.support.worker import PATIENT_LANES, Site, running_worker

pytestmark = pytest.mark.kafka

MOST = 3
SHAPING = f"[provider.gmail]\nconnection_limit = {MOST}\nprovider_connection_limit = 20\n"
ONE_SOURCE = """
[sources.one]
ehlo = "one.mta.example"
[pools.transactional]
members = { one = 1 }
[pools.bulk]
members = { one = 1 }
[pools.shared]
members = { one = 1 }
"""
FROM = {"address": "offers@market.example", "name": "Offers"}
DELAY_S = 0.1
"""Of every message at the receiver, so that connections are needed for a while."""


class Fleet:
    """A site whose mail to Gmail may use few connections, and its quota agent."""

    def __init__(self, site: Site, agents: QuotaAgents) -> None:
        self.site = site
        self.agents = agents

    def send(self, count: int, lane: str = "bulk") -> list[dict[str, object]]:
        """So many to each partition."""
        requests = []
        for partition in (0, 1):
            found = [
                self.site.request(tenant="marketplace", sender=FROM, recipient="ann@gmail.test") for _ in range(count)
            ]
            self.site.send(*found, lane=lane, partition=partition)
            requests += found
        return requests

    def stat(self, name: str) -> int:
        return int(self.site.receiver.stats()[name])

    def delivered(self, requests: list[dict[str, object]]) -> None:
        """Every one, once they all are."""
        for request in requests:
            assert self.site.outcome(request, "delivered", "bounced", "expired").event_type == "delivered"


@contextmanager
def fleet(kafka: str, prefix: str, folder: Path, shaping: str = SHAPING, granting: bool = True) -> Iterator[Fleet]:
    with ExitStack() as stack:
        receiver = stack.enter_context(running_receiver(folder / "receiver", delay=DELAY_S))
        site = Site(kafka, prefix, receiver, folder / "site")
        stack.callback(site.close)
        (site.folder / "overlay" / "shaping.toml").write_text(shaping)
        (site.folder / "overlay" / "pools.toml").write_text(ONE_SOURCE)
        (site.folder / "overlay" / "lanes.toml").write_text(PATIENT_LANES)
        stack.callback(end, start_delay(kafka, site.prefix, folder / "delay"))
        agents = QuotaAgents(site.settings.model_copy(update={"group_prefix": prefix}), folder)
        stack.callback(agents.stop)
        if granting:
            agents.start()
            agents.wait_owner()
        yield Fleet(site, agents)


def test_several_workers_never_have_more_connections_than_the_limit_and_use_it(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with fleet(kafka, prefix, tmp_path) as f, running_worker(f.site), running_worker(f.site):
        f.delivered(f.send(80))
        assert f.stat("most_connections") == MOST


def test_what_a_killed_worker_held_is_used_by_the_other_one(kafka: str, prefix: str, tmp_path: Path) -> None:
    with fleet(kafka, prefix, tmp_path) as f, running_worker(f.site):
        with running_worker(f.site) as killed:
            requests = f.send(200)
            f.site.receiver.wait_for(60)
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        f.site.wait(lambda: True if f.stat("open_connections") == MOST else None, "all are used again")
        f.delivered(requests)
        assert f.stat("most_connections") == MOST


def test_connections_are_opened_at_the_rate_and_no_faster(kafka: str, prefix: str, tmp_path: Path) -> None:
    rate = '[provider.gmail]\nmax_connection_rate = "2/s"\nmax_deliveries_per_connection = 1\n'
    with fleet(kafka, prefix, tmp_path, rate) as f, running_worker(f.site), running_worker(f.site):
        f.delivered(f.send(12))
        times = [line["time"] / 1000 for line in f.site.receiver.accepted()]
        assert f.stat("connections") >= len(times) == 24
        assert most_above(times, 2) <= 2 * BURST_S + 1


def test_a_transactional_message_takes_the_place_of_bulk_mail(kafka: str, prefix: str, tmp_path: Path) -> None:
    one = SHAPING.replace(f"= {MOST}", "= 1")
    with fleet(kafka, prefix, tmp_path, one) as f, running_worker(f.site), running_worker(f.site):
        bulk = f.send(60)
        f.site.receiver.wait_for(10)
        f.delivered(f.send(3, "transactional"))
        assert f.stat("accepted") < len(bulk), "bulk mail still waits"
        f.delivered(bulk)
        assert f.stat("most_connections") == 1


def test_when_the_quota_agent_dies_the_next_one_goes_on_and_the_limit_holds(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with fleet(kafka, prefix, tmp_path) as f, running_worker(f.site), running_worker(f.site):
        f.agents.start()
        requests = f.send(200)
        f.site.receiver.wait_for(60)
        f.agents.kill(0)
        f.agents.wait_owner()
        f.delivered(requests)
        assert f.stat("most_connections") == MOST


def test_when_nobody_grants_mail_flows_on_a_small_share(kafka: str, prefix: str, tmp_path: Path) -> None:
    with fleet(kafka, prefix, tmp_path, granting=False) as f, running_worker(f.site):
        f.delivered(f.send(13))
        assert f.stat("most_connections") == 1
        why = {seen.event.reason for seen in f.site.seen() if seen.event.event_type == "throttled"}
        assert why
        assert all(reason.startswith(NONE_FREE) for reason in why)
        f.agents.start()
        f.agents.wait_owner()
        f.delivered(f.send(40))
        assert f.stat("most_connections") == MOST
