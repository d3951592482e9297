"""A site whose `bulk` pool has sources that a test changes, breaks and mends while the worker runs."""

import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from schemas import ids
from schemas.event import TERMINAL, DeliveryEvent
from tests.support.delay import end, start_delay
from tests.support.receiver import running_receiver
from tests.support.worker import Site, running_worker

_POOLS = """
[pools.transactional]
members = {{ tx-1 = 1 }}
[pools.bulk]
strategy = "{strategy}"
members = {{ {members} }}
[pools.shared]
members = {{ tx-1 = 1 }}
"""
ONE = 'bind = "127.0.0.2"'
TOOK_IT = "the connection broke after the final dot"
"""Then the message may arrive twice (C1.7)."""


class Setting:
    """A site whose pools can be changed while its worker runs."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.worker: subprocess.Popen[bytes] | None = None

    def pools(self, two: str, members: str = "one = 1, two = 1") -> None:
        """`one` at 127.0.0.2, and `two`."""
        self.write({"one": ONE, "two": two}, members)

    def write(self, sources: Mapping[str, str], members: str, strategy: str = "weighted_round_robin") -> None:
        """The lines of each source's table, and the members of the pool `bulk`."""
        tables = [f'[sources.{name}]\nehlo = "{name}.mta.example"\n{lines}\n' for name, lines in sources.items()]
        tables.append('[sources.tx-1]\nehlo = "tx-1.mta.example"\n')
        text = "".join(tables) + _POOLS.format(members=members, strategy=strategy)
        (self.site.folder / "overlay" / "pools.toml").write_text(text)
        if self.worker:
            self.worker.send_signal(signal.SIGHUP)

    def send(self, count: int, recipient: str = "ann@harbour-books.test") -> list[dict[str, object]]:
        requests = [self.site.request(recipient=recipient) for _ in range(count)]
        self.site.send(*requests)
        return requests

    def sources(self, requests: list[dict[str, object]]) -> Counter[str]:
        """Where they were delivered from, once they all are: at the first attempt, once."""
        found = Counter[str]()
        for request in requests:
            event = self.site.outcome(request, "delivered", "bounced", "deferred", "expired")
            assert (event.event_type, event.attempt) == ("delivered", 1), event
            assert self.site.taken(request) == 1
            found[event.source_ip] += 1
        return found

    def ends(self, requests: list[dict[str, object]]) -> list[list[DeliveryEvent]]:
        """The events of each, once all have ended."""
        names = [ids.message_uuid(str(r["tenant"]), str(r["id"])) for r in requests]

        def ended() -> dict[str, list[DeliveryEvent]] | None:
            found: dict[str, list[DeliveryEvent]] = {name: [] for name in names}
            for seen in self.site.seen():
                if seen.event.message_id in found:
                    found[seen.event.message_id].append(seen.event)
            return found if all(e and e[-1].event_type in TERMINAL for e in found.values()) else None

        deadline = time.monotonic() + 120  # only a guard
        while (found := ended()) is None:
            assert time.monotonic() < deadline, "not all have ended"
        return [found[name] for name in names]

    def taken(self, requests: list[dict[str, object]]) -> list[int]:
        """How often the receiver accepted each."""
        counts = Counter(a["id"].partition("@")[0] for a in self.site.receiver.accepted())
        return [counts[ids.message_uuid(str(r["tenant"]), str(r["id"]))] for r in requests]


@contextmanager
def setting(
    kafka: str,
    folder: Path,
    two: str,
    members: str = "one = 1, two = 1",
    *,
    sources: Mapping[str, str] | None = None,
    strategy: str = "weighted_round_robin",
    **env: str,
) -> Iterator[Setting]:
    """With a worker and a delay service. `sources`: all of the pool's instead of `one` and `two`."""
    with ExitStack() as stack:
        receiver = stack.enter_context(running_receiver(folder / "receiver"))
        site = Site(kafka, f"sources-{uuid.uuid4().hex[:8]}", receiver, folder / "site")
        stack.callback(site.close)
        found = Setting(site)
        found.write(sources or {"one": ONE, "two": two}, members, strategy)
        delay = start_delay(kafka, site.prefix, folder / "delay")
        stack.callback(end, delay)
        found.worker = stack.enter_context(running_worker(site, **{"delay_scale": "0.02", **env}))
        yield found


def until_used(s: Setting, source: str, recipient: str = "ann@harbour-books.test") -> None:
    """Send until a message leaves from the source; whatever is sent meanwhile arrives too."""
    deadline = time.monotonic() + 60
    while source not in s.sources(s.send(2, recipient)):
        assert time.monotonic() < deadline, f"{source} is not used"
        time.sleep(0.5)
