"""AUTH with a relay (RFC 4954), over TLS only: the configuration has no credentials without it."""

from aiosmtplib.errors import SMTPException

from agents.smtp_dial import words
from agents.smtp_job import SourceError
from agents.smtp_protocol import PipelinedProtocol
from streams.ehlo import Capabilities
from streams.login import Login, commands
from streams.replies import Reply

GO_ON, TAKEN = 334, 235


async def log_in(protocol: PipelinedProtocol, caps: Capabilities, login: Login, host: str, seconds: float) -> None:
    """Log in by the best mechanism that both know. Raises SourceError of stage `auth`, with the relay's reply."""
    if not protocol.tls_version:
        raise SourceError("auth", f"{host}: a password never travels in the clear")
    if not caps.auth:
        raise SourceError("auth", f"{host} offers neither AUTH PLAIN nor AUTH LOGIN")
    lines = commands(caps.auth[0], login)
    try:
        for line in lines:
            response = await protocol.execute_command(line, timeout=seconds)
            if response.code != (TAKEN if line is lines[-1] else GO_ON):
                reply = Reply(response.code, response.message)
                raise SourceError("auth", f"{host} refuses the login of {login.user}: {reply}", reply)
    except (OSError, SMTPException, TimeoutError) as e:
        raise SourceError("auth", f"{host}: {words(e)}") from e
