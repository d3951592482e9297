"""The command line of the receiver, for `python -m agents.receiver` and `streampost receiver`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from agents.receiver.options import Options


def receiver(
    host: Annotated[
        str, typer.Option(help="Loopback address of the generic servers, DNS and control port.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="SMTP port on every address; 0 for a free one.")] = 0,
    http_port: Annotated[int, typer.Option(help="Control port: /stats, /accepted, /reset and more.")] = 0,
    dns_port: Annotated[int, typer.Option(help="DNS port, UDP and TCP.")] = 0,
    port_file: Annotated[Path | None, typer.Option(help="Write the ports there as JSON when ready.")] = None,
    record: Annotated[Path | None, typer.Option(help="Append one JSON line per accepted recipient.")] = None,
    keep_messages: Annotated[Path | None, typer.Option(help="Folder for every accepted message, as .eml.")] = None,
    keep_share: Annotated[float, typer.Option(min=0, max=1, help="Share of messages kept there, by their ids.")] = 1.0,
    zone: Annotated[list[Path] | None, typer.Option(help="More DNS names, TOML or JSON; may be repeated.")] = None,
    verify_dkim: Annotated[float, typer.Option(min=0, max=1, help="Share of messages whose DKIM is verified.")] = 0.0,
    tls: Annotated[bool, typer.Option(help="Offer STARTTLS with a self-signed certificate.")] = False,
    tls_cert_file: Annotated[Path | None, typer.Option(help="Write that certificate there (PEM).")] = None,
    one_address: Annotated[bool, typer.Option(help="Listen on --host only, not on 127.0.0.2 and so on.")] = False,
    delay: Annotated[float, typer.Option(min=0, help="Seconds before the 250 of every message.")] = 0.0,
    max_recipients: Annotated[int, typer.Option(min=1, help="RCPT per message; more get 452 4.5.3.")] = 100,
    max_messages: Annotated[int, typer.Option(min=0, help="Messages per connection, then 421; 0: no limit.")] = 0,
    idle_seconds: Annotated[float, typer.Option(help="Silent connections are closed with 421 after this.")] = 300.0,
) -> None:
    """A test SMTP server that behaves like the big providers. Loopback only. See docs/receiver.md."""
    from agents.receiver.server import NotLoopbackError, serve  # noqa: PLC0415 - heavy
    from agents.receiver.zone import ZoneError  # noqa: PLC0415 - heavy

    options = Options(
        host,
        port,
        http_port,
        dns_port,
        port_file,
        record,
        keep_messages,
        keep_share,
        tuple(zone or ()),
        verify_dkim,
        tls,
        tls_cert_file,
        one_address,
        delay,
        max_recipients,
        max_messages,
        idle_seconds,
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(options))
    except (NotLoopbackError, ZoneError, OSError) as e:
        typer.echo(f"receiver: {e}", err=True)
        raise typer.Exit(2) from e


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
