"""What a template includes is part of it, at its place, and nothing else is read."""

import pytest

from streams.mjml_source import MAX_SOURCE
from tests.unit.streams.test_mjml import around, error_of, html_of

FILES = {
    "parts/header.mjml": '<mj-text>{{ shop }}</mj-text>\n<mj-include path="../footer.mjml" />',
    "footer.mjml": "<mj-text>footer</mj-text>",
    "whole.mjml": '<mjml lang="fr"><mj-head><mj-style>.w { color: red; }</mj-style></mj-head>'
    '<mj-body background-color="{{ not_ours }}"><mj-section><mj-column><mj-text>whole</mj-text></mj-column>'
    "</mj-section></mj-body></mjml>",
    "a.css": "a > b { color: {{ ink }}; }",
    "a.html": "<p>unclosed {{ ink }}",
    "broken.mjml": "\n\n<mj-text>x",
    "wrong.mjml": "\n<mj-text>{{ a b }}</mj-text>",
    "open.mjml": "<mj-text>x</mj-text>{% for a in b %}",
    "closes.mjml": "</mj-column>",
    "self.mjml": '\n<mj-include path="self.mjml" />',
    "round.mjml": '<mj-include path="about.mjml" />',
    "about.mjml": '<mj-include path="round.mjml" />',
    "large.mjml": " " * 400_000,
    **{f"{n}.mjml": f'<mj-include path="{n + 1}.mjml" />' for n in range(30)},
}


def include(path: str, kind: str = "") -> str:
    return f'<mj-include path="{path}"{f" type={kind!r}" if kind else ""} />'


def test_a_part_stands_where_it_is_included_and_may_include_others() -> None:
    found = html_of(around(f"<mj-text>before</mj-text>{include('parts/header.mjml')}<mj-text>after</mj-text>"), FILES)
    words = ["before", "{{ shop }}", "footer", "after"]
    assert sorted(words, key=found.index) == words


def test_of_a_whole_document_the_head_goes_to_the_head_and_the_body_to_its_place() -> None:
    found = html_of(f"<mjml lang='en'><mj-body>{include('whole.mjml')}</mj-body></mjml>", FILES)
    assert ".w { color: red; }" in found[: found.index("</head>")]
    assert ">whole<" in found
    assert 'lang="en"' in found
    assert "not_ours" not in found


def test_css_and_html() -> None:
    found = html_of(around(include("a.css", "css") + include("a.html", "html")), FILES)
    assert "a > b { color: {{ ink }}; }" in found[: found.index("</head>")]
    assert "<p>unclosed {{ ink }}" in found[found.index("<body") :]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../secret.mjml", "message.mjml, line 2: mj-include: '../secret.mjml' is outside of the template's folder"),
        ("a/../../b.mjml", "message.mjml, line 2: mj-include: 'a/../../b.mjml' is outside of the template's folder"),
        ("/etc/passwd", "message.mjml, line 2: mj-include: '/etc/passwd' is not a relative path"),
        ("https://a.example/x.mjml", "message.mjml, line 2: mj-include: 'https://a.example/x.mjml' is not a relative"),
        ("none.mjml", "message.mjml, line 2: mj-include: there is no file none.mjml"),
        ("", "message.mjml, line 2: mj-include: it has no path"),
        ("broken.mjml", "broken.mjml, line 3: <mj-text> is not closed"),
        ("wrong.mjml", "wrong.mjml, line 2: unexpected identifier"),
        ("open.mjml", "open.mjml, line 1: unexpected end of input"),
        ("closes.mjml", "closes.mjml, line 1: </mj-column> closes nothing"),
        ("0.mjml", "18.mjml, line 1: mj-include: more than 20 files within each other"),
        ("self.mjml", "self.mjml, line 2: mj-include: self.mjml includes itself"),
        ("round.mjml", "about.mjml, line 1: mj-include: round.mjml includes itself"),
    ],
)
def test_what_cannot_be_included(path: str, reason: str) -> None:
    assert error_of(around(include(path)), FILES).startswith(reason)


def test_the_kind_of_a_part_is_known() -> None:
    assert "type 'txt' is not mjml, html or css" in error_of(around(include("a.css", "txt")), FILES)


def test_the_whole_source_is_limited() -> None:
    assert f"more than {MAX_SOURCE} characters" in error_of(around(include("large.mjml") * 3), FILES)
