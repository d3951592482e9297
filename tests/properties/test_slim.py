"""A template renders to the same text and elements after CSS inlining and minification."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.records import ANY, Template
from streams.plain_text import plain_text
from streams.render import Compiled, Rendered, compile_template, render
from streams.slim import CannotSlim, inline_css, minify

HEAD = "<!DOCTYPE html><html><head><style>p { color: red } .b td { margin: 0 }</style></head><body>"
LEAVES = st.sampled_from(
    [
        "{{ name }}",
        " ",
        "\n  ",
        "word",
        "a &amp; b",
        "{# no  #}",
        "<br>",
        "<!-- x -->",
        "{% raw %}{{  x }}{% endraw %}",
        "{{ '}}  <p>' }}",
        '<a href="https://a.example/{{ name }}">l</a>',
        "<!--[if mso]><p><![endif]-->",
        "zq0z",
        "<",
        "&",
        "amp;",
        '<img alt="a  b" src="https://a.example/{{ "x" }}.png">',
        '<p style="color:{{ ink }}">a</p>',
    ]
)
WRAPS = st.sampled_from(
    [
        "<p>%s</p>",
        "{%% if yes %%}%s{%% else %%}no{%% endif %%}",
        "{%%- for i in [1,2] -%%}%s{{ i }}{%% endfor %%}",
        '<table class="b"><tr>{%% for i in [1,2] %%}<td>%s</td>{%% endfor %%}</tr></table>',
        "<div>\n %s </div>",
        "{%% if yes %%}<p>{%% endif %%}%s</p>",
    ]
)


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(WRAPS, st.lists(inner, max_size=3)).map(lambda pair: pair[0] % "".join(pair[1]))


BODIES = st.lists(st.recursive(LEAVES, _wrapped, max_leaves=8), max_size=5).map("".join)


def _rendered(html: str) -> str:
    compiled = compile_template(Template("t", 0, ANY, "s", None, html, ""))
    assert isinstance(compiled, Compiled), compiled
    found = render(compiled, {"name": "Ann  <b>", "yes": True, "ink": "red"})
    assert isinstance(found, Rendered), found
    return found.html or ""


def _elements(html: str) -> list[str]:
    found: list[str] = re.findall(r"</?(?!tbody)[a-z]+", html)
    return found


@given(BODIES)
def test_minified_templates_render_to_the_same(body: str) -> None:
    before = HEAD + body + "</body></html>"
    after = minify(before)
    assert len(after) <= len(before)
    assert plain_text(_rendered(after)) == plain_text(_rendered(before))


@given(BODIES)
@example("&{# no  #}amp;")
def test_inlined_templates_render_to_the_same(body: str) -> None:
    before = HEAD + body + "</body></html>"
    after = inline_css(before)
    if isinstance(after, CannotSlim):
        assert after.reason
        return
    assert plain_text(_rendered(after)) == plain_text(_rendered(before))
    assert _elements(_rendered(after)) == _elements(_rendered(before))
