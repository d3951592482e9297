"""Templates in MJML, built at random: template code comes through, or is refused; and rendering keeps every word."""

import re

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Template
from streams.mjml import MjmlError, compile_mjml
from streams.plain_text import plain_text
from streams.render import Compiled, Rendered, compile_template, render
from streams.template_code import CODE

WORDS = {"name": "Ann", "url": "https://a.example/", "ink": "#112233", "yes": True, "no": False, "rows": ["r1", "r2"]}
TEXTS = st.sampled_from(
    [
        "word",
        "{{ name }}",
        "a < b & c",
        "<p>open",
        "x<br>y",
        "{% if yes %}<b>{{ name }}</b>{% endif %}",
        "{# zq0z #}",
        "zq0z",
        "{% raw %}{{ x }}{% endraw %}",
        "{{ '</p>' }}",
        '<a href="{{ url }}">link</a>',
    ]
)
BUTTON = '<mj-button href="{% if no %}x{% else %}{{ url }}{% endif %}">TEXT</mj-button>'
LEAVES = st.one_of(
    TEXTS.map(lambda text: f"<mj-text>{text}</mj-text>"),
    TEXTS.map(lambda text: f'<mj-text color="{{{{ ink }}}}" css-class="zq1z">{text}</mj-text>'),
    TEXTS.map(lambda text: BUTTON.replace("TEXT", text)),
    TEXTS.map(lambda text: f"<mj-table><tr><td>{text}</td></tr></mj-table>"),
    st.sampled_from(
        ["<mj-divider />", '<mj-spacer height="20px" />', '<mj-image src="{{ url }}a" alt="{{ name }}" />']
    ),
    st.just("<!-- {{ name }} a comment -->"),
)
INCLUDED = {"part.mjml": "<mj-text>part {{ name }}</mj-text>"}


def _around(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    wraps = st.sampled_from(
        ["%s", "{%% for r in rows %%}%s{%% endfor %%}", "{%%- if no -%%}%s{%% else %%}%s{%% endif %%}"]
    )
    return st.tuples(wraps, st.lists(items, max_size=3)).map(
        lambda pair: pair[0].replace("%s", "".join(pair[1])).replace("%%", "%")
    )


COLUMNS = st.lists(
    st.recursive(st.one_of(LEAVES, st.just('<mj-include path="part.mjml" />')), _around, max_leaves=8), max_size=4
)
SECTIONS = COLUMNS.map(lambda c: f"<mj-section><mj-column>{''.join(c)}</mj-column></mj-section>")
DOCUMENTS = st.lists(st.recursive(SECTIONS, _around, max_leaves=3), max_size=3).map(
    lambda s: f"<mjml><mj-head><mj-title>{{{{ name }}}}</mj-title></mj-head><mj-body>{''.join(s)}</mj-body></mjml>"
)


def _rendered(html: str) -> str:
    compiled = compile_template(Template("t", 0, "*", "s", None, html))
    assert isinstance(compiled, Compiled), compiled
    found = render(compiled, WORDS)
    assert isinstance(found, Rendered), found
    return found.html or ""


def _words(html: str) -> list[str]:
    return re.findall(r"\w+", plain_text(html))


@given(DOCUMENTS)
def test_compiling_and_then_rendering_is_rendering_and_then_compiling(source: str) -> None:
    after = compile_mjml(source, "message.mjml", INCLUDED.get)
    assert isinstance(after, str), after
    for code in CODE.findall(re.sub(r"<!--.*?-->|\{#.*?#\}", "", source)):
        assert code in after
    whole = _rendered(source.replace('<mj-include path="part.mjml" />', INCLUDED["part.mjml"]))
    first = compile_mjml(whole, "message.mjml", INCLUDED.get)
    assert isinstance(first, str), first
    assert _words(_rendered(after)) == _words(first)


@given(DOCUMENTS, st.floats(0, 1), st.sampled_from(["", "<", "{%", "{{", '"', "</mj-text>", "<mj-text>", "zq0z", "\0"]))
def test_broken_sources_end_with_a_place(source: str, at: float, more: str) -> None:
    cut = int(at * len(source))
    found = compile_mjml(source[:cut] + more + source[cut + 3 :], "message.mjml", INCLUDED.get)
    if isinstance(found, MjmlError):
        assert found.file in {"message.mjml", "part.mjml"}
        assert found.line == 1
        assert found.reason
