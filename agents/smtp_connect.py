"""Opening an SMTP session: connect, greeting, EHLO, STARTTLS where it is offered, EHLO again."""

import asyncio
import ssl
from typing import NamedTuple

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.response import SMTPResponse

from agents.smtp_protocol import PipelinedProtocol
from agents.smtp_session import Session, SessionFacts, SessionLostError, Timeouts
from streams.egress import Source
from streams.ehlo import Capabilities, parse_ehlo
from streams.replies import Reply


def opportunistic_tls() -> ssl.SSLContext:
    """RFC 7435: any certificate is better than none, where no policy of the domain asks for more."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Connector(NamedTuple):
    """What all connections of a worker share."""

    port: int
    timeouts: Timeouts
    tls: ssl.SSLContext

    async def open(self, host: str, address: str, source: Source, use_tls: bool) -> Session:
        """A session that is ready for its first MAIL.

        Raises SessionLostError with the stage, or ssl.SSLError when the handshake failed: the caller may come again
        without TLS.
        """
        try:
            protocol = await self._dial(address, source)
        except (OSError, TimeoutError) as e:
            raise SessionLostError("connect", f"{host} [{address}]: {_words(e)}") from e
        try:
            caps, tls = await self._greet(protocol, host, source, use_tls)
        except ssl.SSLError as e:
            protocol.abort(e)
            raise
        except SessionLostError as e:
            protocol.abort(e)
            raise
        protocol.pipeline()
        return Session(protocol, caps, SessionFacts(host, source.name, tls), self.timeouts)

    async def _dial(self, address: str, source: Source) -> PipelinedProtocol:
        bind = (source.bind, 0) if source.bind else None
        port = source.relay.port if source.relay else self.port
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self.timeouts.connect):
            _, protocol = await loop.create_connection(PipelinedProtocol, address, port, local_addr=bind)
        return protocol

    async def _greet(
        self, protocol: PipelinedProtocol, host: str, source: Source, use_tls: bool
    ) -> tuple[Capabilities, str]:
        stage = "greeting"
        try:
            _expect(stage, await protocol.read_response(self.timeouts.greeting), 220)
            stage = "ehlo"
            caps = await self._hello(protocol, source)
            stage = "starttls"
            if caps.starttls and use_tls and await self._starttls(protocol, host):
                stage = "ehlo"
                return await self._hello(protocol, source), protocol.tls_version  # C1.4: earlier offers are forgotten
        except ssl.SSLError:
            raise
        except (OSError, SMTPException, TimeoutError) as e:
            raise SessionLostError(stage, f"{host}: {_words(e)}") from e
        return caps, ""

    async def _starttls(self, protocol: PipelinedProtocol, host: str) -> bool:
        """False when the server offers it and refuses it: the session goes on in clear (RFC 7435)."""
        try:
            await protocol.start_tls(self.tls, server_hostname=host, timeout=self.timeouts.command)
        except SMTPResponseException:
            return False
        return True

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


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
