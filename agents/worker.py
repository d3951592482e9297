"""`streampost deliver`: the composition root of the delivery worker. Read from top to bottom it is the pipeline.

request topics -> SafeConsumer (windows, chunks) -> one agent per lane -> Delivery -> paths -> Finisher -> events
"""

import asyncio
import gc
import logging
import os
import signal
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
from agents.faust_credentials import credentials
from agents.finisher import Finisher
from agents.health import Health
from agents.limiter import Limiter
from agents.lookups import Lookups
from agents.maker import Maker
from agents.outbox import Outbox
from agents.safe_consumer import SafeConsumer
from agents.settings import Settings
from agents.smtp_pool import Pool
from agents.smtp_seat import Gate
from agents.smtp_terms import timeouts_of
from agents.tables import ControlTable, SuppressionTable, TemplateTable
from agents.tail import TailReader
from agents.topics_admin import TopicsError, client, require_topics
from agents.worker_metrics import measure
from schemas import topics
from streams.dedup import Dedup
from streams.window import Window

log = logging.getLogger(__name__)

STUCK_S = 300.0
"""A partition whose oldest request is unfinished for this long, and the time of an attempt, ends the process: the next
owner starts afresh."""

DEDUP_ENTRIES = 200_000
"""Ids that a worker remembers, over all of its partitions."""


class Worker:
    """One delivery worker. Everything is made in `start`, inside the event loop that it belongs to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seen: dict[int, Dedup] = {}
        self.holder = ConfigHolder(lambda: load(settings.config_dir, settings.config_overlay))
        self.health = Health()
        self.app = self._make_app()
        self._tail = TailReader(settings.librdkafka(), f"{settings.topic_prefix}.events")
        self._tables: tuple[Any, ...] = ()
        self._background: list[asyncio.Task[None]] = []

    def _make_app(self) -> Any:
        app = _DeliveryApp(
            f"{self.settings.group_prefix}-deliver",
            broker=[f"kafka://{server}" for server in self.settings.kafka.split(",")],
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=True,
            stream_buffer_maxsize=4096,
            broker_session_timeout=10,
            broker_heartbeat_interval=3,
            broker_rebalance_timeout=60,
            broker_max_poll_interval=86400,  # aiokafka would leave the group for good: the watchdog below is ours
            broker_max_poll_records=200,
            broker_commit_interval=1.0,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=65536,
            producer_acks=-1,
            value_serializer="raw",
            key_serializer="raw",
            **credentials(self.settings),
        )
        app.worker = self
        app.transport.Consumer = type("Consumer", (SafeConsumer,), {"load_windows": staticmethod(self.load_windows)})
        for lane in self.settings.lanes:
            register(app, lane, topics.requests(self.settings.topic_prefix, lane), self)
        return app

    async def start(self) -> None:
        """Open tables and connections; returns when the agents may begin."""
        settings = self.settings
        suppressions, templates, orders = SuppressionTable(settings), TemplateTable(settings), ControlTable(settings)
        self._tables = (suppressions, templates, orders)
        for table in self._tables:
            table.follower.start()
        await asyncio.gather(*(t.follower.ready() for t in self._tables))
        self.outbox = Outbox(settings.librdkafka())
        resolver = Resolver(settings.dns_servers)
        self.limiter = Limiter(settings)
        await self.limiter.start()
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
        for work in (self.outbox.run(), pool.run(), self._watch(consumer)):
            self._background.append(asyncio.create_task(_vital(work)))
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.holder.reload)
        measure(self.health.registry, consumer, pool, self.limiter.leaser)
        # what start-up made lives as long as the process: the collector need not walk it again for every 700 objects
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        self.health.ready = True  # before anybody can ask
        self.health.serve_as_set(settings)

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


class _DeliveryApp(faust.App):  # type: ignore[misc]
    worker: Worker

    async def on_first_start(self) -> None:
        await super().on_first_start()
        await self.worker.start()

    async def on_stop(self) -> None:
        await super().on_stop()
        if (limiter := getattr(self.worker, "limiter", None)) is not None:
            await limiter.stop()

    def _create_directories(self) -> None:
        """We have no Faust tables: no folder is left in whatever directory the worker was started in."""


def register(app: Any, lane: str, topic: str, worker: Worker) -> None:
    """The lane's agent. Faust hands it chunks of records; see SafeConsumer."""

    async def deliver(stream: Any) -> None:
        await worker.delivery.run_lane(lane, stream)

    source = app.topic(topic, key_serializer="raw", value_serializer="raw")
    app.agent(source, name=f"deliver.{lane}", concurrency=1)(deliver)


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
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # a broker outage logs a thousand lines
    worker = Worker(settings)
    faust.Worker(worker.app, loglevel=settings.log_level, redirect_stdouts=False, quiet=True).execute_from_commandline()
