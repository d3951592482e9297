"""What is likely to go wrong with a template in filters and mail programs: rules of data/lint.toml, and sizes."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, get_args

from schemas.records import Template
from streams.render import PARTS
from streams.template_code import blanked

Severity = Literal["error", "warning", "note"]

CLIP = 102 * 1024
"""Gmail cuts the HTML of a message here, in octets, and hides the rest behind a link (C4.32)."""

CLIP_SOON = CLIP * 85 // 100
"""Tracking links and longer values of other recipients add to what was measured."""


class LintRule(NamedTuple):
    """One row of the table; `absent` turns it round."""

    id: str
    severity: Severity
    part: str
    pattern: re.Pattern[str]
    why: str
    absent: bool


class Finding(NamedTuple):
    """One thing that a rule found. `line` is the first line of the part on which it stands, `times` how often."""

    id: str
    severity: Severity
    part: str
    line: int | None
    times: int
    why: str

    def __str__(self) -> str:
        where = self.part if self.line is None else f"{self.part}, line {self.line}"
        often = f" ({self.times} times)" if self.times > 1 else ""
        return f"{self.severity}: {self.id}: {where}{often}: {self.why}"


@cache
def lint_rules() -> tuple[LintRule, ...]:
    """The rules that come with streampost."""
    return parse_rules((files("streams") / "data" / "lint.toml").read_text("utf-8"))


def parse_rules(text: str) -> tuple[LintRule, ...]:
    """Rules of a TOML text. Raises ValueError when a row is none."""
    return tuple(_rule(row) for row in tomllib.loads(text)["rules"])


def _rule(row: dict[str, Any]) -> LintRule:
    unknown = row.keys() - {"id", "severity", "part", "pattern", "why", "absent"}
    if unknown or row["severity"] not in get_args(Severity) or row["part"] not in PARTS:
        raise ValueError(f"no rule: {row}")
    pattern = re.compile(row["pattern"], re.IGNORECASE | re.MULTILINE)
    return LintRule(row["id"], row["severity"], row["part"], pattern, row["why"], row.get("absent", False))


def lint(template: Template, rules: tuple[LintRule, ...] | None = None) -> tuple[Finding, ...]:
    """All findings in the source of a template, in the order of the rules."""
    sources = {part: blanked(getattr(template, part) or "") for part in PARTS}
    found = (_apply(rule, sources[rule.part]) for rule in (lint_rules() if rules is None else rules))
    return tuple(f for f in found if f is not None)


def _apply(rule: LintRule, source: str) -> Finding | None:
    if not source:
        return None
    hits = list(rule.pattern.finditer(source))
    if bool(hits) == rule.absent:
        return None
    line = source.count("\n", 0, hits[0].start()) + 1 if hits else None
    return Finding(rule.id, rule.severity, rule.part, line, max(len(hits), 1), rule.why)


def lint_size(html: str | None) -> Iterator[Finding]:
    """Findings about the size of rendered HTML."""
    size = octets(html)
    if size > CLIP:
        why = f"{size} octets: Gmail clips a message at {CLIP} and hides the rest, the unsubscribe link too"
        yield Finding("clipped", "warning", "html", None, 1, why)
    elif size > CLIP_SOON:
        why = f"{size} octets: near the {CLIP} at which Gmail clips a message; other recipients may get more"
        yield Finding("nearly-clipped", "note", "html", None, 1, why)


def octets(text: str | None) -> int:
    """Size of a part in UTF-8."""
    return len((text or "").encode("utf-8", "replace"))
