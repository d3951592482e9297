"""MJML -> HTML of a template, once, when it is put. Nothing is loaded from anywhere but by `read`.

compile_mjml(source, "message.mjml", read)     # HTML with its template code, or an MjmlError
"""

import re

from minijinja import Environment, TemplateError
from mjml import mjml2html

from streams.mjml_marks import Mark, MjmlError, Piece, Place, WrongError
from streams.mjml_source import Read, Source

__all__ = ["MjmlError", "compile_mjml"]

_POSITION = re.compile(r" in root template(?: at position (\d+):\d+)?")


def compile_mjml(source: str, file: str, read: Read) -> str | MjmlError:
    """The HTML. Template code and the HTML within elements are in it exactly as they were written."""
    prefix = "zq"
    texts: dict[str, str] = {file: source}
    try:
        while True:
            found = Source(prefix, read, texts)
            found.take(file, source)
            pieces = _whole(found, file)
            text = "".join(piece.text for piece in pieces)
            if text.count(prefix) == len(found.marks):
                break
            prefix += "q"  # the template has a word that looks like a mark
        _check_code(found)
        html = _engine(text, pieces)
        mark = re.compile(rf"{prefix}(\d+)z")
        _check_marks([int(m[1]) for m in mark.finditer(html)], found.marks)
    except WrongError as e:
        return MjmlError(e.place.file, texts[e.place.file].count("\n", 0, e.place.at) + 1, str(e))
    return mark.sub(lambda m: found.marks[int(m[1])].text, html)


def _whole(found: Source, file: str) -> list[Piece]:
    start = Place(file, 0)
    if not {"mjml", "mj-body"} <= found.frames.keys():
        raise WrongError(start, "there is no <mjml> with an <mj-body>")
    return [
        Piece(f"{found.frames['mjml']}><mj-head>", start),
        *found.head,
        Piece(f"</mj-head>{found.frames['mj-body']}>", start),
        *found.body,
        Piece("</mj-body></mjml>", start),
    ]


def _engine(text: str, pieces: list[Piece]) -> str:
    try:
        # no fonts: else every template would load the engine's choice from Google
        html: str = mjml2html(text, fonts={})
    except ValueError as e:
        position = _POSITION.search(str(e))
        place = _place(int(position[1]) if position and position[1] else 0, pieces)
        raise WrongError(place, f"MJML: {_POSITION.sub('', str(e))}") from e
    if left := re.search(r"<(mj-[a-z-]+)", html):  # what is in the wrong place goes through as it is
        place = next(piece.place for piece in pieces if piece.text.startswith(left[0]))
        raise WrongError(place, f"{left[0]}> cannot stand here")
    return html


def _place(octet: int, pieces: list[Piece]) -> Place:
    """Where the octet of the engine's text comes from."""
    for piece in pieces:
        octet -= len(piece.text.encode())
        if octet < 0:
            return piece.place
    return pieces[0].place


def _check_code(found: Source) -> None:
    """Template code is right in each file by itself, and in each value and part of the head, which MJML may repeat."""
    env = Environment()
    for file, text in found.texts.items():
        try:
            env.add_template("file", text)
        except TemplateError as e:
            lines = text.splitlines(keepends=True)[: (e.line or 1) - 1]
            raise WrongError(Place(file, sum(map(len, lines))), e.detail or e.kind) from e
    for mark in found.marks:
        if mark.kind != "flow":
            try:
                env.add_template("value", mark.text)
            except TemplateError as e:
                reason = f"template code that is not whole within its attribute or element: {e.detail or e.kind}"
                raise WrongError(mark.place, reason) from e


def _check_marks(seen: list[int], marks: list[Mark]) -> None:
    """Nothing is lost, and whatever a loop or condition was around is still where it was."""
    there = frozenset(seen)
    for number, mark in enumerate(marks):
        if number not in there and mark.kind != "default":
            raise WrongError(
                mark.place, f"MJML cannot carry {mark.text.strip()[:60]!r} over: it wants a plain value there"
            )
    flow = [number for number in seen if marks[number].kind == "flow"]
    wanted = [number for number, mark in enumerate(marks) if mark.kind == "flow"]
    for got, number in zip(flow, wanted, strict=False):
        if got != number:
            raise WrongError(marks[number].place, "MJML would move or repeat this, and template code with it")
    if len(flow) > len(wanted):
        raise WrongError(marks[flow[-1]].place, "MJML would repeat this, and template code with it")
    statements = 0
    for number in seen:
        mark = marks[number]
        if mark.kind == "attribute" and mark.statements != statements:
            raise WrongError(mark.place, "MJML would move this value out of the loop or condition that it stands in")
        statements += mark.kind == "flow" and "{%" in mark.text
