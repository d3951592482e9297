"""Template variables as arguments: --var name=value."""

import json
from typing import Any

from agents.cli.output import fail


def parse_variables(pairs: list[str]) -> dict[str, Any]:
    """Names to values; a value that is JSON is taken as such, anything else as text. Ends the command when wrong."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (equals and name.isidentifier()):
            fail(f"--var {pair!r} is not name=value", 2)
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
