"""`streampost deliver`: the composition root of the delivery worker. Read from top to bottom it is the pipeline.

request topics -> SafeConsumer (windows, chunks) -> one agent per lane -> Delivery -> paths -> Finisher -> events
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import faust
import uvloop

from agents import clock
from agents.config_files import ConfigHolder, load
from agents.deliver import MAX_SPAN, Delivery
from agents.dns import Resolver
from agents.finisher import Finisher
from agents.health import Health
from agents.limiter import Limiter
from agents.lookups import Lookups
from agents.maker import Maker
from agents.outbox import Outbox
from agents.safe_consumer import SafeConsumer
from agents.scout import Scout
from agents.settings import Settings
from agents.smtp_pool import Pool
from agents.smtp_seat import Gate
from agents.smtp_terms import timeouts_of
from agents.tables import ControlTable, SuppressionTable, TemplateTable
from agents.tail import TailReader
from agents.topics_admin import TopicsError, client, require_topics
from agents.worker_app import make_app
from agents.worker_metrics import measure
from schemas import topics
from streams import reply_rules
from streams.dedup import Dedup
from streams.window import Window

log = logging.getLogger(__name__)

STUCK_S = 300.0
"""A partition whose oldest request is unfinished for this long, and the time of an attempt, ends the process: the next
owner starts afresh."""

SWITCH_S = 0.0005
"""How long the loop may keep the interpreter when the consumer's thread wants it. With Python's 5 ms a busy worker
fetches ten times as slowly."""

DEDUP_ENTRIES = 200_000
"""Ids that a worker remembers, over all of its partitions."""


class Worker:
    """One delivery worker. Everything is made in `start`, inside the event loop that it belongs to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seen: dict[int, Dedup] = {}
        self.holder = ConfigHolder(lambda: load(settings.config_dir, settings.config_overlay))
        self.health = Health()
        self.app = make_app(self)
        self._tail = TailReader(settings.librdkafka(), f"{settings.topic_prefix}.events")
        self._tables: tuple[Any, ...] = ()
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open tables and connections; returns when the agents may begin."""
        settings = self.settings
        suppressions, templates, orders = SuppressionTable(settings), TemplateTable(settings), ControlTable(settings)
        tables = (suppressions, templates, orders)
        for table in tables:
            table.follower.start()
        await asyncio.gather(*(table.follower.ready() for table in tables))
        self.outbox = Outbox(settings.librdkafka())
        resolver = Resolver(settings.dns_servers)
        self.limiter = Limiter(settings)
        await self.limiter.start()
        self._tables = tables
        lookups = Lookups(self.holder, suppressions, orders, settings.address_key)
        consumer = self.app.consumer
        pool = Pool(
            resolver,
            settings.smtp_port,
            settings.loopback_only,
            lookups.shaping.path_limits,
            timeouts_of(settings),
            Gate(self.limiter),
            partial(_pressed, consumer),
        )
        maker = Maker(self.holder, templates, settings.config_dir / "keys", settings.signing_keys)
        maker.load_keys()
        reply_rules.tables()  # 30 ms that the first refusal would take from everything else
        self.delivery = Delivery(
            consumer,
            Finisher(self.outbox, settings.topic_prefix, self.seen, self.acknowledge),
            pool,
            resolver,
            self.limiter,
            lookups,
            maker,
            self.seen,
            {"transactional": settings.slots_transactional, "bulk": settings.slots_bulk},
            settings.schema_ids,
        )
        scout = Scout(settings.librdkafka(), consumer, self.delivery.put_ahead)
        for work in (self.outbox.run(), pool.run(), scout.run(), self._watch(consumer)):
            self._background.append(asyncio.create_task(_vital(work)))
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.holder.reload)
        measure(self.health.registry, consumer, pool, self.limiter.leaser)
        # what start-up made lives as long as the process: the collector need not walk it again for every 700 objects
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        self.health.ready = True  # before anybody can ask
        self.health.serve_as_set(settings)

    async def stop(self) -> None:
        """Give back what limits have granted; leave no thread in librdkafka while the interpreter ends."""
        if self._tables:
            await self.limiter.stop()
            await asyncio.gather(*(table.follower.stop() for table in self._tables))

    def acknowledge(self, origin: Any, message_id: str, event_offset: int) -> None:
        """Passed on: the finisher is made before the delivery that it reports to."""
        self.delivery.acknowledge(origin, message_id, event_offset)

    def load_windows(self, generation: int, fresh: Mapping[Any, tuple[int, int]]) -> dict[Any, Window]:
        """On assignment, in a thread: the tail of every partition says what is finished, and which ids were seen."""
        starts: dict[int, int] = {}
        for tp, (_, first_event) in fresh.items():
            starts[tp.partition] = min(first_event, starts.get(tp.partition, first_event))
        policies = self.holder.current.lanes
        window_ms = int(1000 * max(policies[lane].dedup_window_s for lane in self.settings.lanes))
        capacity = DEDUP_ENTRIES // max(1, len(starts))
        seen = {partition: Dedup(window_ms, capacity) for partition in starts}
        tails = self._tail.read(starts, seen, clock.now_ms() - window_ms)
        self.seen.clear()
        self.seen.update(seen)
        windows = {}
        for tp, (offset, _) in fresh.items():
            tail = tails[tp.partition]
            finished = {o: f for o, f in tail.finished.get(tp.topic, {}).items() if o >= offset}
            windows[tp] = Window(generation, offset, finished, tail.end)
        return windows

    async def _watch(self, consumer: SafeConsumer) -> None:
        """Our own max.poll: a partition that does not move although it has work ends the process."""
        moved: dict[Any, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(2)
            self.health.progress()
            if failed := [t.follower.topic for t in self._tables if t.follower.failure]:
                log.critical("the table of %s is no longer kept up to date; ending", failed[0])
                os._exit(70)
            if self.limiter.failure:
                log.critical("grants of limits no longer come: %s; ending", self.limiter.failure)
                os._exit(70)
            now = time.monotonic()
            for tp, window in consumer.in_force.items():
                base, since = moved.get(tp, (-1, now))
                if not window.unfinished or base != window.base:
                    moved[tp] = (window.base, now)
                elif now - since > STUCK_S + self.settings.smtp_attempt_timeout:
                    log.critical("%s has not moved past offset %d for %.0f s; ending", tp, base, now - since)
                    os._exit(75)


async def _vital(work: Any) -> None:
    """Without this task nothing would ever finish: if it ends, the process ends."""
    try:
        await work
    except asyncio.CancelledError:
        raise
    except BaseException:
        log.critical("a vital task failed; ending the process, nothing is lost", exc_info=True)
        os._exit(70)


def _pressed(consumer: SafeConsumer) -> bool:
    """Partitions are to be left, or a message that takes long keeps others of its partition from starting."""
    return not consumer.flow_active or any(w.span > MAX_SPAN for w in consumer.in_force.values())


def check_topics(settings: Settings) -> None:
    """A consumer of a missing topic would wait for ever and say nothing. Raises TopicsError."""
    admin, prefix = client(settings), settings.topic_prefix
    require_topics(admin, [t.name for t in topics.table(prefix)])
    events = f"{prefix}.events"
    lanes = [topics.requests(prefix, lane) for lane in settings.lanes]
    found = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=30).topics.items()}
    for name in lanes:
        # an outcome goes to the partition number of its request
        if found[name] != found[events]:
            raise TopicsError(
                f"{name} has {found[name]} partitions and {events} {found[events]}: they must be the same number"
            )


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; then finish what was begun."""
    check_topics(settings)
    uvloop.install()
    sys.setswitchinterval(SWITCH_S)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # a broker outage logs a thousand lines
    worker = Worker(settings)
    faust.Worker(worker.app, loglevel=settings.log_level, redirect_stdouts=False, quiet=True).execute_from_commandline()
