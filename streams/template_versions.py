"""Versions of a template never change: what writing a template means, given the versions that exist."""

from collections.abc import Mapping
from typing import NamedTuple

from schemas.records import Template


class Written(NamedTuple):
    """This is to be written."""

    template: Template


class Unchanged(NamedTuple):
    """The same content is there already, as this version."""

    version: int


class Refused(NamedTuple):
    """It cannot be written, and why."""

    reason: str


def place(wanted: Template, version: int | None, existing: Mapping[int, Template]) -> Written | Unchanged | Refused:
    """Decide for `wanted` (its own version is ignored), given `existing` versions of its id.

    Without a version it becomes the next one, unless the newest has the same content.
    """
    newest = max(existing, default=0)
    if version is None:
        if newest and _content(existing[newest]) == _content(wanted):
            return Unchanged(newest)
        return Written(wanted._replace(version=newest + 1))
    if version < 1:
        return Refused(f"version {version}: versions start at 1")
    there = existing.get(version)
    if there is None:
        return Written(wanted._replace(version=version))
    if _content(there) == _content(wanted):
        return Unchanged(version)
    return Refused(f"{wanted.id}@{version} exists with other content; versions never change, put a new one")


def _content(template: Template) -> Template:
    """What makes a version what it is."""
    return template._replace(version=0, created_at=0, author="")
