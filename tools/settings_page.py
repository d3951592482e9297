"""docs/settings.md, made from the descriptions of the settings. Run it to write the page; a test checks it is current.

python -m tools.settings_page
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

import agents.settings
import analytics.settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

HEAD = """# Settings

Made by `python -m tools.settings_page` from `agents/settings.py` and `analytics/settings.py`: change those, and run it.

A setting is an environment variable, read once at start. A name that begins with `STREAMPOST_` and is none of these is
an error, so that a typing mistake is found. Secrets are read from files. What belongs to tenants, pools and lanes is
in files instead: [configuration](configuration.md).
"""


def page() -> str:
    """The whole page."""
    ours, theirs = agents.settings.Settings.model_fields, analytics.settings.Settings.model_fields
    return "\n".join(
        [
            HEAD,
            "## Every process",
            "",
            *_table(agents.settings.Settings, ours),
            "",
            "## Sink, migrations and reports",
            "",
            "They read the Kafka settings, `STREAMPOST_TOPIC_PREFIX`, `STREAMPOST_GROUP_PREFIX`, `STREAMPOST_HOST` and",
            "`STREAMPOST_LOG_LEVEL` too.",
            "",
            *_table(analytics.settings.Settings, [name for name in theirs if name not in ours]),
            "",
        ]
    )


def _table(model: type[BaseModel], names: Iterable[str]) -> list[str]:
    rows = (_row(name, model.model_fields[name]) for name in names)
    return ["| variable | default | meaning |", "|---|---|---|", *rows]


def _row(name: str, field: Any) -> str:
    return f"| `{agents.settings.PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |"


def _shown(default: Any) -> str:
    if isinstance(default, SecretStr):
        return "a known one: set it in production"
    if default in (None, (), {}, ""):
        return ""
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{json.dumps(default)}`" if isinstance(default, bool) else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
