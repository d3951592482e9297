"""aiosmtplib's connection, with many commands open at a time (RFC 2920)."""

import asyncio

from aiosmtplib.protocol import SMTPProtocol

from streams.replies import Reply, ReplyError, ReplyReader


class PipelinedProtocol(SMTPProtocol):
    """aiosmtplib's protocol that, once switched over, hands out replies in order however many commands are open."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._reader: ReplyReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._broken: Exception | None = None

    @property
    def tls_version(self) -> str:
        """Such as TLSv1.3; empty in clear."""
        found = self.transport.get_extra_info("ssl_object") if self.transport else None
        return str(found.version()) if found else ""

    @property
    def unsent(self) -> int:
        """Octets that the server's window has not taken yet."""
        return self.transport.get_write_buffer_size() if isinstance(self.transport, asyncio.WriteTransport) else 0

    def pipeline(self) -> None:
        """From now on replies come by `reply`, not by aiosmtplib's one-at-a-time waiter."""
        self._reader = ReplyReader()

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            super().data_received(data)
            return
        try:
            self._reader.feed(data)
        except ReplyError as e:
            self._broken = e
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._broken = self._broken or exc or ConnectionResetError("the server closed the connection")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def reply(self) -> Reply:
        """The next reply in order. Raises ReplyError or OSError when there will be none."""
        assert self._reader is not None
        while True:
            found = self._reader.next()
            if found is not None:
                return found
            if self._broken is not None:
                raise self._broken
            self._waiter = self._loop.create_future()
            await self._waiter

    def abort(self, why: Exception) -> None:
        """Close at once; whoever waits for a reply gets `why`."""
        self._broken = why
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
        self._wake()
