"""`streampost inbound` as a process: listens until SIGTERM, reads its configuration again on SIGHUP."""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from agents import config_files
from agents.health import Health
from agents.inbound.connection import Connection
from agents.inbound.desk import Book, Desk
from agents.inbound.metrics import Metrics
from agents.inbound.writer import Writer
from agents.settings import Settings
from agents.topics_admin import client, require_topics
from schemas import topics
from streams.config import ConfigError
from streams.inbound import policy
from streams.inbound.dialogue import Rules
from streams.inbound.mailboxes import mailboxes

log = logging.getLogger(__name__)

BACKLOG = 1024
TICK_S = 0.5
LIVE_S = 60.0
STOP_S = 30.0
"""How long mails that are under way may take to end once the process is told to stop."""


class TlsError(ValueError):
    """The certificate or its key cannot be used."""


def run(settings: Settings) -> int:
    """Serve until SIGTERM: 0, or 70 when Kafka's client failed. Raises ConfigError, TlsError, TopicsError, OSError."""
    book = read_book(settings)
    require_topics(client(settings), [topics.inbound(settings.topic_prefix)])
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, book))


def read_book(settings: Settings) -> Book:
    """The configuration from its files. Raises ConfigError, TlsError."""
    config = config_files.load(settings.config_dir, settings.config_overlay)
    path, text = config_files.own_text(policy.FILE, settings.config_dir, settings.config_overlay)
    found = policy.read(text, str(path))
    tls = server_context(settings.inbound_tls_cert, settings.inbound_tls_key)
    rules = Rules(
        found.hostname or socket.getfqdn(),
        found.limits.message_bytes,
        found.limits.recipients,
        found.limits.messages_per_connection,
        found.limits.errors,
        tls is not None,
    )
    return Book(found, rules, mailboxes(config, found.feedback_addresses), tls)


def server_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with this certificate chain, or None when there is none. Raises TlsError."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise TlsError("STREAMPOST_INBOUND_TLS_CERT and STREAMPOST_INBOUND_TLS_KEY belong together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except OSError as e:  # an SSLError is one
        raise TlsError(f"{cert}, {key}: {e}") from e
    return context


async def _serve(settings: Settings, book: Book) -> int:
    loop = asyncio.get_running_loop()
    health = Health(LIVE_S)
    metrics = Metrics(health.registry)
    writer = Writer(settings.librdkafka(), topics.inbound(settings.topic_prefix), book.policy.limits.confirm_s)
    desk = Desk(loop, book, writer, metrics)
    metrics.buffered.set_function(lambda: desk.buffered)
    metrics.kafka.set_function(lambda: float(writer.up))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, settings, desk)
    server = await loop.create_server(
        lambda: Connection(desk), settings.inbound_host, settings.inbound_port, backlog=BACKLOG
    )
    try:
        _tell_port(server, settings.inbound_port_file)
        health.serve_as_set(settings)
        await _watch(desk, health, stop)
    finally:
        health.ready = False
        server.close()
        await _end(desk)
        await writer.close()
        health.close()
    return 70 if writer.failed else 0


async def _watch(desk: Desk, health: Health, stop: asyncio.Event) -> None:
    """Look at every connection's clock; not ready while Kafka is away, so that a balancer asks elsewhere."""
    while not stop.is_set() and not desk.writer.failed:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK_S)
        health.ready = desk.writer.up
        health.progress()
        now = desk.loop.time()
        desk.gate.forget(now)
        for connection in list(desk.connections):
            connection.look_at_the_clock(now)


async def _end(desk: Desk) -> None:
    """Whoever is in the middle of a mail may end it, and hears whether Kafka has it."""
    desk.stopping = True
    until = desk.loop.time() + STOP_S
    for connection in list(desk.connections):
        connection.stop()
    while desk.connections and (now := desk.loop.time()) < until:
        await asyncio.sleep(0.05)
        for connection in list(desk.connections):
            connection.look_at_the_clock(now)
    for connection in list(desk.connections):
        connection.transport.abort()


def _reload(settings: Settings, desk: Desk) -> None:
    """SIGHUP: all of it or nothing; certificates too, which are renewed every few months."""
    try:
        desk.replace(read_book(settings))
    except (ConfigError, TlsError, OSError) as e:
        log.error("configuration not reloaded, the old one stays in force:\n%s", e)
    else:
        log.info("configuration reloaded")


def _tell_port(server: asyncio.Server, file: Path | None) -> None:
    host, port = server.sockets[0].getsockname()[:2]
    log.info("taking mail on %s:%d", host, port)
    if file:
        part = file.with_name(file.name + ".part")  # renamed, so that nobody reads half a number
        part.write_text(f"{port}\n", "ascii")
        part.replace(file)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
