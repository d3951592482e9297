"""The receiver as a process: SMTP, control port and DNS on loopback until SIGTERM or SIGINT."""

import asyncio
import contextlib
import ipaddress
import json
import signal
import socket
from pathlib import Path

from agents.receiver.certificate import server_context
from agents.receiver.control import Control
from agents.receiver.desk import Desk
from agents.receiver.dkim_check import DkimChecker
from agents.receiver.dns import DnsServer
from agents.receiver.journal import Journal
from agents.receiver.options import Options, Ports
from agents.receiver.session import Session
from agents.receiver.verbs import HANDLERS
from agents.receiver.zone import Zone, default_zone, load
from streams.personalities import Personalities, shipped

FLUSH_SECONDS = 0.1
BACKLOG = 1024
FREE_PORT_TRIES = 10


class NotLoopbackError(ValueError):
    """The receiver takes anything for anyone, so it must not be reachable from outside."""


async def serve(options: Options) -> None:
    """Run until a signal. Raises OSError for a taken port, NotLoopbackError, ZoneError for a wrong zone file."""
    if not ipaddress.ip_address(options.host).is_loopback:
        raise NotLoopbackError(f"{options.host} is not a loopback address")
    table = shipped()
    if not options.one_address and not has_address(table.providers["gmail"].address):
        options = options._replace(one_address=True)  # macOS has only 127.0.0.1 unless told otherwise
    zone = default_zone(table, options.host, options.one_address)
    for path in options.zone:
        zone |= load(path)
    dkim = DkimChecker(options.verify_dkim, zone) if options.verify_dkim > 0 else None
    if options.keep_messages:
        options.keep_messages.mkdir(parents=True, exist_ok=True)
    journal = Journal(options.record, options.keep_messages, dkim.submit if dkim else None, options.keep_share)
    try:
        await _run(Desk(table, journal, options), zone, dkim)
    finally:
        journal.close()
        if dkim:
            dkim.close()


async def _run(desk: Desk, zone: Zone, dkim: DkimChecker | None) -> None:
    options = desk.options
    if options.tls:
        names = sorted({name for p in desk.table.providers.values() for name in p.mx})
        desk.tls = server_context(names, options.tls_cert_file)
    sessions: set[Session] = set()
    dns = DnsServer(zone)
    async with contextlib.AsyncExitStack() as stack:
        servers = await listen(desk, sessions)
        for server in servers:
            stack.callback(server.close)
        control = await asyncio.start_server(Control(desk, dns, dkim).serve, options.host, options.http_port)
        stack.callback(control.close)
        dns_port = await dns.start(options.host, options.dns_port)
        stack.callback(dns.close)
        ports = Ports(_port(servers[0]), _port(control), dns_port)
        if options.port_file:
            write_ports(options.port_file, ports)
        await _until_signal(desk, sessions, dkim)
    say_goodbye(sessions)


async def listen(desk: Desk, sessions: set[Session]) -> list[asyncio.Server]:
    """SMTP on the host and, unless one address must do, on every provider's own address, all with the same port.

    Raises OSError. A free port is free on the first address only, so another one is tried when a later bind fails.
    """
    tries = 1 if desk.options.port else FREE_PORT_TRIES
    while True:
        servers: list[asyncio.Server] = []
        try:
            await _listen_everywhere(desk, sessions, servers)
        except OSError:
            for server in servers:
                server.close()
            tries -= 1
            if not tries:
                raise
        else:
            return servers


async def _listen_everywhere(desk: Desk, sessions: set[Session], servers: list[asyncio.Server]) -> None:
    loop = asyncio.get_running_loop()
    port = desk.options.port
    for address in addresses(desk.table, desk.options):
        servers.append(
            await loop.create_server(lambda: Session(loop, desk, sessions, HANDLERS), address, port, backlog=BACKLOG)
        )
        port = _port(servers[0])


def has_address(address: str) -> bool:
    """True when this machine can listen there."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def addresses(table: Personalities, options: Options) -> list[str]:
    """Where to listen; the host comes first."""
    others = [] if options.one_address else [p.address for p in table.providers.values() if p.name != "generic"]
    return list(dict.fromkeys([options.host, *others]))


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def write_ports(path: Path, ports: Ports) -> None:
    """Appears at once and whole, so that who waits for it never reads half of it."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(ports._asdict()))
    part.replace(path)


async def _until_signal(desk: Desk, sessions: set[Session], dkim: DkimChecker | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), FLUSH_SECONDS)
        desk.journal.flush()
        close_idle(sessions, loop.time() - desk.options.idle_seconds)
        if dkim:
            dkim.flush()
            dkim.collect()


def close_idle(sessions: set[Session], before: float) -> None:
    """421 for connections that have been silent since before this time of the loop's clock (RFC 5321 4.5.3.2.7)."""
    for session in [s for s in sessions if s.busy_at < before and not s.paused]:
        session.say_code("421 4.4.2 Idle for too long, closing", close=True)


def say_goodbye(sessions: set[Session]) -> None:
    """421 for everyone when the server stops (RFC 5321 section 3.8)."""
    for session in list(sessions):
        if not session.paused:
            session.say_code("421 4.3.2 The service is shutting down", close=True)
