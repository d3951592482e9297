"""MJML becomes HTML with its template code in it, or an error that names file and line."""

import re
from collections.abc import Mapping

import pytest

from schemas.records import Template
from streams.mjml import MjmlError, compile_mjml
from streams.render import Compiled, Rendered, compile_template, render


def around(column: str, head: str = "") -> str:
    return f"<mjml>{head}<mj-body><mj-section><mj-column>\n{column}\n</mj-column></mj-section></mj-body></mjml>"


def html_of(source: str, files: Mapping[str, str] | None = None) -> str:
    found = compile_mjml(source, "message.mjml", (files or {}).get)
    assert isinstance(found, str), found
    assert compile_mjml(source, "message.mjml", (files or {}).get) == found
    return found


def error_of(source: str, files: Mapping[str, str] | None = None) -> str:
    found = compile_mjml(source, "message.mjml", (files or {}).get)
    assert isinstance(found, MjmlError), found
    return str(found)


def rendered(source: str, **variables: object) -> str:
    compiled = compile_template(Template("t", 0, "*", "s", None, html_of(source)))
    assert isinstance(compiled, Compiled), compiled
    found = render(compiled, variables)
    assert isinstance(found, Rendered), found
    return found.html or ""


def test_elements_become_tables_with_outlooks_comments_and_media_queries() -> None:
    found = html_of(around("<mj-text>Hi</mj-text>"))
    assert found.startswith("<!doctype html>")
    assert "<!--[if mso | IE]><table" in found
    assert "@media only screen and (min-width:480px)" in found
    assert "<mj-" not in found


def test_nothing_is_loaded_from_elsewhere() -> None:
    found = html_of(around('<mj-text font-family="Roboto">Hi</mj-text><mj-button>Go</mj-button>'))
    assert not re.search(r"""(?:src|href)=["']|@import|url\(""", found)


def test_loops_and_conditions_between_elements_hold_what_they_held() -> None:
    source = around(
        "{% for x in xs %}<mj-text>{{ x }}</mj-text>{% if x == 2 %}<mj-divider />{% endif %}{% endfor %}{# no #}"
    )
    found = rendered(source, xs=[1, 2, 3])
    text = re.sub(r"<!--.*?-->", "", found, flags=re.DOTALL)
    assert re.findall(r">(\d|)</(?:div|p)>", text)[:4] == ["1", "2", "", "3"]
    assert "{#" not in found


def test_a_loop_around_sections_keeps_tables_whole() -> None:
    section = "<mj-section><mj-column><mj-text>{{ x }}</mj-text></mj-column></mj-section>"
    loop = f"{{% for x in xs %}}{section}{{% endfor %}}"
    found = rendered(f"<mjml><mj-body>{loop}</mj-body></mjml>", xs=["a", "b"])
    by_hand = rendered(
        f"<mjml><mj-body>{section.replace('{{ x }}', 'a')}{section.replace('{{ x }}', 'b')}</mj-body></mjml>"
    )
    assert found == by_hand


def test_template_code_in_attributes_text_raw_and_head() -> None:
    head = (
        '<mj-head><mj-title>{% if a %}{{ a }}{% endif %}</mj-title><mj-preview>{{ "p\\"re" }}</mj-preview>'
        '<mj-attributes><mj-text color="{{ ink }}" /><mj-class name="b" color="{{ unused }}" /></mj-attributes>'
        "<mj-style>.x > a { color: {{ ink }}; } /* <b> */</mj-style></mj-head>"
    )
    source = around(
        '<mj-raw><p title="{{ "a>b" }}" {% if a %}lang="en"{% endif %}><br>no end</mj-raw>'
        "<mj-text>1 < 2 & {{ a }}<br>x</mj-text>"
        """<mj-button href="{% if a %}https://a.example/?x=1&amp;y={{ d["k"] }}{% endif %}" """
        """background-color='{{ ink }}'>{{ a }}</mj-button>""",
        head,
    )
    found = rendered(source, a="A&B", ink="#123456", d={"k": "v"})
    for wanted in (
        "<title>A&amp;B</title>",
        "p&quot;re",
        ".x > a { color: #123456; } /* <b> */",
        '<p title="a&gt;b" lang="en"><br>no end',
        "color:#123456;",
        "1 < 2 & A&amp;B<br>x",
        'href="https://a.example/?x=1&amp;y=v"',
        'bgcolor="#123456"',
    ):
        assert wanted in found, wanted
    assert "unused" not in found


def test_words_that_look_like_marks_stay() -> None:
    found = html_of(around('<mj-text css-class="zq0z">zq1z {{ a }}</mj-text><mj-image alt="zqq0z" src="{{ zq2z }}" />'))
    for wanted in ('class="zq0z"', ">zq1z {{ a }}<", 'alt="zqq0z"', 'src="{{ zq2z }}"'):
        assert wanted in found


@pytest.mark.parametrize(
    ("column", "line", "reason"),
    [
        ("<mj-foo />", 2, "<mj-foo>: no element of MJML"),
        ("<div>x</div>", 2, "<div>: HTML stands within mj-text"),
        ("\nwords", 3, "text where only elements may be: 'words'"),
        ("\n\n<mj-text>x", 4, "<mj-text> is not closed"),
        ("<mj-text>x</mj-text>\n</mj-wrapper>", 3, "</mj-wrapper> closes nothing, <mj-column> is open"),
        ("\n<mj-text color=red>x</mj-text>", 3, "an attribute value without quotes"),
        ("\n<mj-image src='a />", 3, "a tag or comment that does not end"),
        ("<!--[if mso]>x<![endif]-->", 2, "a conditional comment"),
        ('\n<mj-image src="a" width="{{ w }}" />', 3, "MJML cannot carry '{{ w }}' over"),
        ("\n<mj-text>{{ a b }}</mj-text>", 3, "unexpected identifier"),
        ("{% for a in b %}\n<mj-text>x</mj-text>\n\n", 2, "unexpected end of input"),
        ('{% if b %}<mj-text\n color="{% if a %}">x</mj-text>{% endif %}{% endif %}', 3, "not whole within its attr"),
        ("\n<mj-social>{% if a %}<mj-social-element src='a' />{% endif %}</mj-social>", 3, "cannot stand directly"),
        ("\n<mj-title>x</mj-title>", 3, "cannot stand here"),
        ("\n<mj-carousel><mj-text>x</mj-text></mj-carousel>", 3, "MJML: unexpected element"),
        ("<mj-wrapper>" * 60, 2, "more than 50 elements within each other"),
    ],
)  # fmt: skip
def test_errors_name_file_and_line(column: str, line: int, reason: str) -> None:
    found = error_of(around(column))
    assert found.startswith(f"message.mjml, line {line}: ")
    assert reason in found


@pytest.mark.parametrize("source", ["", "<mjml></mjml>", "<mj-body></mj-body>", "<mjml><mj-head></mj-head></mjml>"])
def test_a_document_without_a_body_is_refused(source: str) -> None:
    assert "there is no <mjml> with an <mj-body>" in error_of(source)


def test_a_value_that_would_leave_its_loop_is_refused() -> None:
    source = around(
        "<mj-accordion><mj-accordion-element icon-wrapped-url='{{ u }}'><mj-accordion-title>{% set u = 1 %}a"
        "</mj-accordion-title><mj-accordion-text>b</mj-accordion-text></mj-accordion-element></mj-accordion>"
    )
    assert "out of the loop or condition" in error_of(source)


def test_deep_html_is_no_business_of_the_engine() -> None:
    assert html_of(around(f"<mj-text>{'<div>' * 5000}</mj-text>")).count("<div>") == 5000
