"""`streampost inbound`."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inbound")(inbound)


def inbound() -> None:
    """Take returned mail by SMTP until SIGTERM: bounces, complaints, unsubscribes. See docs/inbound.md."""
    import logging  # noqa: PLC0415

    from confluent_kafka import KafkaException  # noqa: PLC0415

    from agents.inbound.server import TlsError, run  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from agents.topics_admin import TopicsError  # noqa: PLC0415

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        code = run(settings)
    except (TlsError, TopicsError, KafkaException, OSError) as e:
        typer.echo(f"streampost inbound cannot start: {e}", err=True)
        raise typer.Exit(1) from e
    raise typer.Exit(code)
