"""Opening an SMTP session: connect, greeting, EHLO, STARTTLS where it is offered, EHLO again, AUTH with a relay."""

import asyncio
import ssl
from typing import NamedTuple

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.response import SMTPResponse

from agents.smtp_auth import log_in
from agents.smtp_dial import Dialer, read_login, words
from agents.smtp_protocol import PipelinedProtocol
from agents.smtp_session import Session, SessionFacts, SessionLostError, SourceError, Timeouts
from agents.smtp_tls import relay_context
from streams.egress import Relay, Source
from streams.ehlo import Capabilities, parse_ehlo
from streams.replies import Reply


class Connector(NamedTuple):
    """What all connections of a worker share. `tls` is the context for servers that are not relays of ours."""

    dialer: Dialer
    port: int
    timeouts: Timeouts
    tls: ssl.SSLContext

    async def open(self, host: str, address: str, source: Source, use_tls: bool) -> Session:
        """A session that is ready for its first MAIL.

        Raises SourceError when it is the source that fails, which for a relay is everything before MAIL;
        SessionLostError with the stage; or ssl.SSLError when an opportunistic handshake failed: the caller may come
        again without TLS.
        """
        if source.relay is None:
            return await self._open(host, address, source, use_tls)
        try:
            return await self._open(host, address, source, use_tls)
        except ssl.SSLError as e:
            raise SourceError("tls", f"relay {host}: {words(e)}") from e
        except SourceError:
            raise
        except SessionLostError as e:
            raise SourceError(e.stage, f"relay {e}", e.reply) from e

    async def _open(self, host: str, address: str, source: Source, use_tls: bool) -> Session:
        protocol = await self._connect(host, address, source)
        try:
            caps = await self._greet(protocol, host, source, use_tls)
            if source.relay and (login := read_login(source.relay.credentials_file)):
                await log_in(protocol, caps, login, host, self.timeouts.command)
        except (ssl.SSLError, SessionLostError) as e:
            protocol.abort(e)
            raise
        tls = protocol.tls_version
        protocol.pipeline()
        return Session(protocol, caps, SessionFacts(host, source.name, tls), self.timeouts)

    async def _connect(self, host: str, address: str, source: Source) -> PipelinedProtocol:
        relay = source.relay
        try:
            sock = await self.dialer.dial(source, address, relay.port if relay else self.port)
        except SourceError:
            raise
        except SessionLostError as e:
            raise SessionLostError(e.stage, f"{host} {e}") from e
        context = relay_context(relay.ca_file) if relay and relay.tls == "implicit" else None
        name, seconds = (host, self.timeouts.command) if context else (None, None)
        try:
            _, protocol = await asyncio.get_running_loop().create_connection(
                PipelinedProtocol, sock=sock, ssl=context, server_hostname=name, ssl_handshake_timeout=seconds
            )
        except ssl.SSLError:
            raise
        except (OSError, TimeoutError) as e:
            raise SessionLostError("tls", f"{host}: {words(e)}") from e
        return protocol

    async def _greet(self, protocol: PipelinedProtocol, host: str, source: Source, use_tls: bool) -> Capabilities:
        stage = "greeting"
        try:
            _expect(stage, await protocol.read_response(self.timeouts.greeting), 220)
            stage = "ehlo"
            caps = await self._hello(protocol, source)
            stage = "starttls"
            if await self._starttls(protocol, host, source.relay, caps.starttls, use_tls):
                stage = "ehlo"
                caps = await self._hello(protocol, source)  # C1.4: earlier offers are forgotten
        except ssl.SSLError:
            raise
        except (OSError, SMTPException, TimeoutError) as e:
            raise SessionLostError(stage, f"{host}: {words(e)}") from e
        return caps

    async def _starttls(
        self, protocol: PipelinedProtocol, host: str, relay: Relay | None, offered: bool, use_tls: bool
    ) -> bool:
        """Whether the session is under TLS from now on. For a relay it is what its table says."""
        if relay is not None:
            if relay.tls != "starttls":
                return False
            if not offered:
                raise SourceError("starttls", f"{host} does not offer STARTTLS, and its table wants it")
            await self._handshake(protocol, host, relay_context(relay.ca_file))
            return True
        if not (offered and use_tls):
            return False
        try:
            await self._handshake(protocol, host, self.tls)
        except SMTPResponseException:
            return False  # offered and refused: the session goes on in clear (RFC 7435)
        return True

    async def _handshake(self, protocol: PipelinedProtocol, host: str, context: ssl.SSLContext) -> None:
        await protocol.start_tls(context, server_hostname=host, timeout=self.timeouts.command)

    async def _hello(self, protocol: PipelinedProtocol, source: Source) -> Capabilities:
        name = source.ehlo.encode("ascii")
        response = await protocol.execute_command(b"EHLO", name, timeout=self.timeouts.command)
        if response.code in (500, 502):  # RFC 5321 section 3.2: then, and only then, HELO
            _expect("ehlo", await protocol.execute_command(b"HELO", name, timeout=self.timeouts.command), 250)
            return Capabilities()
        _expect("ehlo", response, 250)
        return parse_ehlo(Reply(response.code, response.message))


def _expect(stage: str, response: SMTPResponse, code: int) -> None:
    if response.code != code:
        raise SessionLostError(stage, f"{response.code} {response.message}", Reply(response.code, response.message))
