"""Paths stay within the template's folder."""

import pytest

from streams.mjml_paths import BadPath, beside


@pytest.mark.parametrize(
    ("file", "path", "wanted"),
    [
        ("message.mjml", "a.mjml", "a.mjml"),
        ("message.mjml", "./parts//a.mjml", "parts/a.mjml"),
        ("parts/a.mjml", "b.mjml", "parts/b.mjml"),
        ("parts/a.mjml", "../b.mjml", "b.mjml"),
        ("a/b/c.mjml", "../../d.mjml", "d.mjml"),
    ],
)
def test_a_path_is_relative_to_the_file_that_has_it(file: str, path: str, wanted: str) -> None:
    assert beside(file, path) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../a",
        "a/..",
        "a/../../b",
        "/a",
        "//a/b",
        "C:/a",
        "file:a",
        "a\\b",
        "a\nb",
        "a\0b",
        "{{ a }}.mjml",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    assert isinstance(beside("message.mjml", path), BadPath)
