"""`streampost topics create | check`."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command group."""
    topics = typer.Typer(help="Create the topics, or compare a cluster with what they must be.", no_args_is_help=True)
    topics.command("create")(create)
    topics.command("check")(check)
    app.add_typer(topics, name="topics")


def create() -> None:
    """Create what is missing and report what differs. Never changes or deletes a topic."""
    from agents import topics_admin as admin  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415

    settings = load()
    client, wanted = admin.client(settings), admin.wanted_topics(settings)
    names = [t.name for t in wanted]
    try:
        created = admin.create_missing(client, wanted, admin.read_topics(client, names))
    except admin.TopicsError as e:
        typer.echo(str(e), err=True)
        raise typer.Exit(1) from e
    for name in created:
        typer.echo(f"created {name}")
    differing = admin.differences(wanted, admin.read_topics(client, names))
    _report(differing)
    typer.echo(f"{len(created)} created, {len(names) - len(created)} were there, {len(differing)} differences")


def check() -> None:
    """Compare the cluster with the table; exit code 1 when something is missing or differs."""
    from agents import topics_admin as admin  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415

    settings = load()
    wanted = admin.wanted_topics(settings)
    found = admin.differences(wanted, admin.read_topics(admin.client(settings), [t.name for t in wanted]))
    _report(found)
    typer.echo(f"{len(wanted)} topics, {len(found)} differences")
    if found:
        raise typer.Exit(1)


def _report(found: "list") -> None:  # type: ignore[type-arg]
    for d in found:
        typer.echo(f"{d.topic}: {d.what} is {d.found or 'not set'}, wanted {d.wanted}")
