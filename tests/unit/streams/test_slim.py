"""CSS inlining and minification keep what mail programs need, and refuse what they cannot do safely."""

from pathlib import Path

import pytest

from agents.template_files import read_template
from schemas.records import ANY, Template
from streams.lint import octets
from streams.slim import CannotSlim, inline_css, minify, slim

SHIPPED = sorted(p for p in (Path(__file__).parents[3] / "config" / "templates").iterdir() if p.is_dir())
HEAD = (
    "<!DOCTYPE html>\n<html><head><style>p { color: red; }\n@media (max-width: 9px) { p { color: blue !important; } }\n"
    "a:hover { color: green; }</style><!--[if mso]><style>p { x: y; }</style><![endif]--></head><body>"
)


def _inlined(body: str, head: str = HEAD) -> str:
    found = inline_css(head + body + "</body></html>")
    assert isinstance(found, str), found
    return found


def test_a_rule_goes_into_the_element_and_its_own_style_wins() -> None:
    found = _inlined('<p>a</p><p style="color: {{ ink }}">b</p>')
    assert '<p style="color: red' in found
    assert 'style="color: {{ ink }}"' in found


def test_media_queries_states_and_mso_comments_stay() -> None:
    found = minify(_inlined("<p>a</p><!--[if !mso]><!--><p>b</p><!--<![endif]-->"))
    for kept in (
        "@media (max-width: 9px) { p { color: blue !important; } }",
        "a:hover { color: green; }",
        "<!--[if mso]><style>p { x: y; }</style><![endif]-->",
        "<!--[if !mso]><!-->",
        "<!--<![endif]-->",
    ):
        assert kept in found


def test_code_between_rows_of_a_table_stays_there() -> None:
    rows = "{% for r in rows %}<tr><td>{{ r|join('>') }}</td></tr>{% endfor %}"
    for table in (f"<table>{rows}</table>", f"<table>{rows}<tbody><tr><td>a</td></tr></tbody></table>"):
        assert table in _inlined(table)


def test_the_doctype_stays_as_it_was() -> None:
    old = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'
    )
    assert _inlined("<p>a</p>", HEAD.replace("<!DOCTYPE html>", old)).startswith(old)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<p {% if a %}class='b'{% endif %}>a</p>", "outside of a quoted value"),
        ("<p class={{ a }}>a</p>", "outside of a quoted value"),
        ('<p style="{% if a %}color:red{% endif %}">a</p>', "holds a statement"),
        ("<style>p { color: {{ ink }}; }</style><p>a</p><p>b</p>", "would move"),
        ("{% if a %}<p>{% else %}<p class='b'>{% endif %}a</p>", "would move"),
        ("<table>words{% if a %}<tr><td>b</td></tr>{% endif %}</table>", "would move"),
        ("<style>td:first-child { color: red; }</style>{% for a in b %}<p>a</p>{% endfor %}", "counts siblings"),
        ("<style>p + p { color: red; }</style>{% for a in b %}<p>a</p>{% endfor %}", "counts siblings"),
        ("<![if !mso]><p>a</p><![endif]>", "write <!--"),
        ('<p style="{{ a }}">b</p>', "cannot be read"),
        ("<p>&{# no #}amp;</p>", "write &amp;"),
        ("<p>&#3{{ a }}</p>", "write &amp;"),
    ],
)
def test_what_is_not_safe_is_refused(body: str, reason: str) -> None:
    found = inline_css(HEAD + body + "</body></html>")
    assert isinstance(found, CannotSlim), found
    assert reason in found.reason


def test_minify_takes_space_and_comments_but_no_code() -> None:
    html = '<!-- gone --><p title="a  b">a \t b\n\n  c</p><!-- {% if x %} -->{{ "a  b" }}{# c  d #}'
    assert minify(html) == '<p title="a  b">a b\nc</p><!-- {% if x %} -->{{ "a  b" }}{# c  d #}'


def test_a_comment_that_parts_words_stays() -> None:
    html = "<<!-- a -->p> &<!-- b -->amp;"
    assert minify(html) == html


def test_minify_of_css_keeps_strings_and_comments_that_part_words() -> None:
    html = '<style>\n/* gone */\n.a/**/.b  { content: "a  /* b */" }\n</style>'
    assert minify(html) == '<style> .a/**/.b { content: "a  /* b */" } </style>'


@pytest.mark.parametrize("html", ["<pre>a  b</pre>", '<p style="white-space: pre-wrap">a  b</p>'])
def test_preformatted_text_stays(html: str) -> None:
    assert minify(html) == html


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda p: p.name)
def test_shipped_templates_become_smaller(folder: Path) -> None:
    template = read_template(folder)
    found = slim(template, css=True, small=True)
    assert isinstance(found, Template), found
    assert octets(found.html) < octets(template.html)
    assert found._replace(html=template.html) == template


def test_a_template_without_html_stays() -> None:
    template = Template("t", 0, ANY, "s", "text", None, "")
    assert slim(template, css=True, small=True) == template
