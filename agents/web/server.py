"""`streampost web`: the composition root. uvicorn serves, the suppression topic is followed, Kafka confirms."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
import uvloop
from prometheus_client import Gauge

from agents.config_files import ConfigHolder, load
from agents.health import Health
from agents.outbox import Outbox
from agents.settings import Settings
from agents.tables import SuppressionTable
from agents.topics_admin import client, require_topics
from agents.web.app import build_app
from agents.web.desk import MAX_PENDING, Desk
from agents.web.metrics import METRICS

log = logging.getLogger(__name__)

BEAT_S = 1.0
DRAIN_S = 20.0
MAX_CONNECTIONS = 2000
KEEP_ALIVE_S = 15


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then answer what has come and write what is to be written."""
    partitions = event_partitions(settings)
    uvloop.install()
    asyncio.run(serve(settings, partitions))


def event_partitions(settings: Settings) -> int:
    """How many partitions the events topic has. Raises TopicsError when a topic is missing."""
    admin, events = client(settings), f"{settings.topic_prefix}.events"
    require_topics(admin, [events, f"{settings.topic_prefix}.suppressions"])
    return len(admin.list_topics(events, timeout=30).topics[events].partitions)


async def serve(settings: Settings, partitions: int) -> None:
    """The life of the process."""
    health = Health()
    for metric in METRICS:
        health.registry.register(metric)
    holder = ConfigHolder(lambda: load(settings.config_dir, settings.config_overlay))
    table, outbox = SuppressionTable(settings), Outbox(settings.librdkafka())
    pending = Gauge("streampost_web_pending", "Writes that wait for Kafka.", registry=health.registry)
    pending.set_function(lambda: outbox.pending)
    table.follower.start()
    await table.follower.ready()
    desk = Desk(holder, table, outbox, settings.signing_keys, settings.topic_prefix, partitions)
    listening = listen(settings.web_host, settings.web_port, settings.web_port_file)
    server = _Server(
        uvicorn.Config(
            build_app(desk),
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,  # a URL holds a token: it belongs into no log
            log_config=None,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(DRAIN_S),
            h11_max_incomplete_event_size=32_768,
        )
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, holder.reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    tasks = [asyncio.create_task(_vital(w)) for w in (outbox.run(), _watch(health, table, outbox))]
    gc.collect()
    gc.freeze()  # the table and the code are not walked again at every collection
    health.serve_as_set(settings)
    try:
        await server.serve(sockets=[listening])
    finally:
        health.ready = False
        if not await outbox.drain(DRAIN_S):
            log.error("%d writes were not confirmed in %.0f s", outbox.pending, DRAIN_S)
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await table.follower.stop()
        health.close()


def listen(host: str, port: int, port_file: Path | None) -> socket.socket:
    """The listening socket; its port (0: a free one) is written to the file. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=1024)
    taken = listening.getsockname()[1]
    if port_file:
        part = port_file.with_name(port_file.name + ".part")
        part.write_text(f"{taken}\n", "ascii")
        part.replace(port_file)
    log.info("web on http://%s:%d", host, taken)
    return listening


class _Server(uvicorn.Server):
    """uvicorn raises the signal once more when it has ended, which would end the process before all is written."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours."""
        yield

    def stop(self) -> None:
        """Take no more connections, answer what has come."""
        self.should_exit = True


async def _watch(health: Health, table: SuppressionTable, outbox: Outbox) -> None:
    """Ready while it can keep its promises; a table that stops following ends the process."""
    while True:
        if table.follower.failure:
            log.critical("the suppression list is no longer kept up to date; ending")
            os._exit(70)
        health.progress()
        health.ready = outbox.pending < MAX_PENDING
        await asyncio.sleep(BEAT_S)


async def _vital(work: object) -> None:
    """Without this task nothing would be confirmed: if it ends, the process ends."""
    try:
        await work  # type: ignore[misc]
    except asyncio.CancelledError:
        raise
    except BaseException:
        log.critical("a vital task failed; ending the process", exc_info=True)
        os._exit(70)
