"""What is likely to go wrong with the images of a template."""

import re
from collections.abc import Iterator

from schemas.records import Template
from streams.images import Look, look
from streams.lint import Finding, Severity

LARGE_SIDE = 1200
"""Pixels; twice the width of a mail."""

HEAVY = 200_000
"""Octets of all images together: each goes with every message that shows it, and base64 adds a third."""

_SHOWN = re.compile(r"""cid:([A-Za-z0-9._-]+)(?=["')\s>])""")
_CHOSEN = re.compile(r"cid:[A-Za-z0-9._-]*\{[{%]")


def lint_images(template: Template) -> Iterator[Finding]:
    """Findings about images and about cid: addresses without one."""
    html = template.html or ""
    names = {image.name for image in template.images}
    for name in sorted(set(_SHOWN.findall(html)) - names):
        why = f"cid:{name} is no image of the template: only a request that attaches one with this content id shows it"
        yield Finding("image-missing", "warning", "html", None, 1, why)
    for image in template.images:
        if f"cid:{image.name}" not in html and not _CHOSEN.search(html):
            yield _finding("image-unused", "note", f"{image.name} is shown nowhere (cid:{image.name}) and never sent")
        found = look(image.name, image.content)
        if isinstance(found, Look):
            yield from _look(image.name, found)
    total = sum(len(image.content) for image in template.images)
    if total > HEAVY:
        yield _finding("images-heavy", "note", f"{total} octets of images go with every message; --shrink-images helps")


def _look(name: str, found: Look) -> Iterator[Finding]:
    if found.located:
        why = f"{name} says where it was taken (GPS), to every recipient; --shrink-images takes that out"
        yield _finding("image-place", "warning", why)
    if max(found.width, found.height) > LARGE_SIDE:
        why = f"{name} has {found.width} x {found.height} pixels, more than a mail shows; --shrink-images helps"
        yield _finding("image-large", "note", why)


def _finding(name: str, severity: Severity, why: str) -> Finding:
    return Finding(name, severity, "images", None, 1, why)
