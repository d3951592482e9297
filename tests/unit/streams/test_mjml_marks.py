"""Errors say where they are, as a person reads it."""

from streams.mjml_marks import MjmlError, Place, WrongError


def test_an_error_names_file_and_line() -> None:
    assert str(MjmlError("parts/a.mjml", 3, "why")) == "parts/a.mjml, line 3: why"
    assert str(WrongError(Place("a.mjml", 7), "why")) == "why"
