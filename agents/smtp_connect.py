"""Opening an SMTP session: connect, greeting, EHLO, STARTTLS where it is offered, EHLO again, AUTH with a relay."""

import asyncio
import ssl
from typing import NamedTuple

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.response import SMTPResponse

from agents.smtp_auth import log_in
from agents.smtp_dial import Dialer, read_login, words
from agents.smtp_job import SessionFacts, SessionLostError, SourceError
from agents.smtp_protocol import PipelinedProtocol
from agents.smtp_session import Session
from agents.smtp_terms import Timeouts
from agents.smtp_tls import opportunistic_tls, relay_context, verified_tls
from streams.egress import Relay, Source
from streams.ehlo import Capabilities, parse_ehlo
from streams.replies import Reply
from streams.tls import NOT_OFFERED, NOT_TRUSTED, TlsMode


class Manner(NamedTuple):
    """How a connection is opened."""

    tls: TlsMode
    timeouts: Timeouts


class Connector(NamedTuple):
    """What all connections of a worker share."""

    dialer: Dialer
    port: int

    async def open(self, host: str, address: str, source: Source, manner: Manner) -> Session:
        """A session that is ready for its first MAIL. What `manner` says of TLS is for servers, not relays of ours.

        Raises SourceError when it is the source that fails, which for a relay is everything before MAIL;
        SessionLostError with the stage; or ssl.SSLError when an opportunistic handshake failed: the caller may come
        again without TLS.
        """
        if source.relay is None:
            return await self._open(host, address, source, manner)
        try:
            return await self._open(host, address, source, manner)
        except ssl.SSLError as e:
            raise SourceError("tls", f"relay {host}: {words(e)}") from e
        except SourceError:
            raise
        except SessionLostError as e:
            raise SourceError(e.stage, f"relay {e}", e.reply) from e

    async def _open(self, host: str, address: str, source: Source, manner: Manner) -> Session:
        times = manner.timeouts
        protocol = await self._connect(host, address, source, times)
        try:
            caps = await self._greet(protocol, host, source, manner)
            if source.relay and (login := read_login(source.relay.credentials_file)):
                await log_in(protocol, caps, login, host, times.command)
        except (ssl.SSLError, SessionLostError) as e:
            protocol.abort(e)
            raise
        tls = protocol.tls_version
        protocol.pipeline()
        return Session(protocol, caps, SessionFacts(host, source.name, tls), times)

    async def _connect(self, host: str, address: str, source: Source, times: Timeouts) -> PipelinedProtocol:
        relay = source.relay
        try:
            sock = await self.dialer.dial(source, address, relay.port if relay else self.port, times.connect)
        except SourceError:
            raise
        except SessionLostError as e:
            raise SessionLostError(e.stage, f"{host} {e}") from e
        context = relay_context(relay.ca_file) if relay and relay.tls == "implicit" else None
        name, seconds = (host, times.command) if context else (None, None)
        try:
            _, protocol = await asyncio.get_running_loop().create_connection(
                PipelinedProtocol, sock=sock, ssl=context, server_hostname=name, ssl_handshake_timeout=seconds
            )
        except ssl.SSLError:
            raise
        except (OSError, TimeoutError) as e:
            raise SessionLostError("tls", f"{host}: {words(e)}") from e
        return protocol

    async def _greet(self, protocol: PipelinedProtocol, host: str, source: Source, manner: Manner) -> Capabilities:
        stage, seconds, must = "greeting", manner.timeouts.command, manner.tls.need and source.relay is None
        try:
            _expect(stage, await protocol.read_response(manner.timeouts.greeting), 220)
            stage = "ehlo"
            caps = await self._hello(protocol, source, seconds)
            stage = "starttls"
            if await self._starttls(protocol, host, source.relay, caps.starttls, manner):
                stage = "ehlo"
                caps = await self._hello(protocol, source, seconds)  # C1.4: earlier offers are forgotten
        except (OSError, SMTPException, TimeoutError) as e:
            if isinstance(e, ssl.SSLError) and not must:
                raise
            raise SessionLostError(stage, f"{host}: {words(e)}", no_tls=_why_not(stage, e, must)) from e
        return caps

    async def _starttls(
        self, protocol: PipelinedProtocol, host: str, relay: Relay | None, offered: bool, manner: Manner
    ) -> bool:
        """Whether the session is under TLS from now on. For a relay it is what its table says."""
        seconds, mode = manner.timeouts.command, manner.tls
        if relay is not None:
            if relay.tls != "starttls":
                return False
            if not offered:
                raise SourceError("starttls", f"{host} does not offer STARTTLS, and its table wants it")
            await protocol.start_tls(relay_context(relay.ca_file), server_hostname=host, timeout=seconds)
            return True
        if mode.need and not offered:
            raise SessionLostError("starttls", f"{host} does not offer STARTTLS", no_tls=NOT_OFFERED)
        if not (offered and mode.use):
            return False
        try:
            context = verified_tls() if mode.verify else opportunistic_tls()
            await protocol.start_tls(context, server_hostname=host, timeout=seconds)
        except SMTPResponseException:
            if mode.need:
                raise
            return False  # offered and refused: the session goes on in clear (RFC 7435)
        return True

    async def _hello(self, protocol: PipelinedProtocol, source: Source, seconds: float) -> Capabilities:
        name = source.ehlo.encode("ascii")
        response = await protocol.execute_command(b"EHLO", name, timeout=seconds)
        if response.code in (500, 502):  # RFC 5321 section 3.2: then, and only then, HELO
            _expect("ehlo", await protocol.execute_command(b"HELO", name, timeout=seconds), 250)
            return Capabilities()
        _expect("ehlo", response, 250)
        return parse_ehlo(Reply(response.code, response.message))


def _why_not(stage: str, error: Exception, must: bool) -> str:
    """The enhanced code of a failure of TLS that must be; empty for another failure."""
    if not must or stage != "starttls":
        return ""
    return NOT_OFFERED if isinstance(error, SMTPResponseException) else NOT_TRUSTED


def _expect(stage: str, response: SMTPResponse, code: int) -> None:
    if response.code != code:
        raise SessionLostError(stage, f"{response.code} {response.message}", Reply(response.code, response.message))
