"""What the reading of MJML is made of: places, errors, marks, and pieces of what the engine gets."""

from typing import Literal, NamedTuple

Kind = Literal["flow", "attribute", "head", "default"]


class Place(NamedTuple):
    """A file of the template and an offset in it, characters."""

    file: str
    at: int


class MjmlError(NamedTuple):
    """What is wrong with a template's MJML, and where. `line` counts from 1."""

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return f"{self.file}{line}: {self.reason}"


class WrongError(Exception):
    """Ends the reading of a source; `compile_mjml` makes an MjmlError of it."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


class Mark(NamedTuple):
    """What a mark stands for: `flow` of the body, whose order counts; a value of an `attribute` there; something in the
    `head`; a `default` of mj-attributes, which need not be used.
    """

    text: str
    kind: Kind
    place: Place
    statements: int
    """How many marks of flow with statements came before."""


class Piece(NamedTuple):
    """A part of what the engine gets, and where it comes from."""

    text: str
    place: Place
