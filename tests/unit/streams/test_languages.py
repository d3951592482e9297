"""Accept-Language."""

import pytest

from streams.languages import best_language

OURS = ("en", "de", "fr", "pt")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH", "de"),
        ("DE-ch-1996;q=0.3, fr;q=0.4", "fr"),
        ("fr;q=0, de;q=0.1", "de"),
        ("ru, uk;q=0.9", "en"),
        ("*", "en"),
        ("fr;q=x, pt-BR;q=0.2", "pt"),
        ("de;q=0.5,fr;q=0.5", "de"),
        (",;,=,q=;;", "en"),
        ("xx," * 2000 + "de", "en"),
    ],
)
def test_best_language(accept: str, expected: str) -> None:
    assert best_language(accept, OURS, "en") == expected
