"""The command line: one module per group of commands, each with `register(app)`. Heavy imports stay inside commands."""

import faulthandler
import sys

import typer

from agents.cli import (
    analytics,
    backtest,
    breaker,
    campaign,
    cancel,
    control,
    delay,
    deliver,
    demo,
    dkim,
    explain,
    feedback,
    inbound,
    inspect,
    queue,
    receiver,
    reclassify,
    replay,
    send,
    shadow,
    suppress,
    template,
    topics,
    warmup,
    web,
)

GROUPS = (
    send,
    campaign,
    template,
    suppress,
    topics,
    dkim,
    deliver,
    delay,
    feedback,
    inbound,
    web,
    receiver,
    replay,
    inspect,
    reclassify,
    control,
    cancel,
    queue,
    explain,
    warmup,
    breaker,
    analytics,
    backtest,
    shadow,
    demo,
)


def build() -> typer.Typer:
    """The application with every command."""
    app = typer.Typer(
        name="streampost",
        help="Email delivery as a Kafka stream.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for group in GROUPS:
        group.register(app)
    return app


def main() -> None:
    """Entry point. Errors that a person can mend are one line, not a traceback."""
    faulthandler.enable()  # a crash in native code (librdkafka, RSA, Jinja) says where, instead of a bare status -11
    try:
        build()()
    except Exception as e:
        if type(e).__name__ not in MENDABLE:
            raise
        sys.stderr.write(f"streampost: {e}\n")
        raise SystemExit(2) from None


MENDABLE = {
    "ConfigError",
    "KeyFileError",
    "TokenKeysError",
    "UnknownSettingError",
    "ValidationError",
    "TopicsError",
    "TableError",
}
"""By name, so that the modules that define them need not be imported to show --help."""
