"""`streampost web`."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("web")(web)


def web() -> None:
    """Serve unsubscribing (RFC 8058), opens and clicks over HTTP until SIGTERM. TLS ends in front of it."""
    import logging  # noqa: PLC0415

    from agents.settings import load  # noqa: PLC0415
    from agents.web.server import run  # noqa: PLC0415

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    run(settings)
