"""`streampost delay`."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("delay")(delay)


def delay() -> None:
    """Run the delay tiers until SIGTERM: what is due goes back to its request topic."""
    import logging  # noqa: PLC0415

    from confluent_kafka import KafkaException  # noqa: PLC0415

    from agents.delay import run  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from agents.topics_admin import TopicsError  # noqa: PLC0415

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        code = run(settings)
    except (TopicsError, KafkaException) as e:
        typer.echo(f"streampost delay cannot start: {e}", err=True)
        raise typer.Exit(1) from e
    raise typer.Exit(code)
