"""A template in MJML with parts, style sheet and image: the exact HTML, as it is compiled and as it is made lighter.

After a wanted change, or a new version of the engine: UPDATE_GOLDEN=1 pytest tests/golden.
"""

import re
from pathlib import Path

import pytest

from agents.cli.template_check import SAMPLE_MAIL
from agents.template_files import read_sample, read_source
from schemas.records import Template
from streams.plain_text import plain_text
from streams.render import Compiled, Rendered, compile_template, render
from streams.slim import CannotSlim, slim
from tests.golden.test_mime import compare

FOLDER = Path(__file__).parent / "mjml"
WAYS = {"compiled": (False, False), "minified": (False, True), "inlined": (True, True)}
KEPT = (
    "@media only screen and (min-width:480px)",
    "@media (prefers-color-scheme: dark)",
    "<!--[if mso | IE]><table",
    "<!--[if !mso]><!-->",
    "<!--[if lte mso 11]>",
    "<!--[if mso]><tr><td>{{ shop }} in Outlook</td></tr><![endif]-->",
    "<o:PixelsPerInch>96</o:PixelsPerInch>",
)


def made(way: str) -> Template:
    found = slim(read_source(FOLDER / "template").template, *WAYS[way])
    assert not isinstance(found, CannotSlim), found
    return found


def rendered(way: str) -> Rendered:
    compiled = compile_template(made(way))
    assert isinstance(compiled, Compiled), compiled
    found = render(compiled, {"mail": SAMPLE_MAIL, **(read_sample(FOLDER / "template") or {})})
    assert isinstance(found, Rendered), found
    return found


@pytest.mark.parametrize("way", WAYS)
def test_exact_html(way: str) -> None:
    compare(FOLDER / f"{way}.html", (made(way).html or "").encode())


@pytest.mark.parametrize("way", WAYS)
def test_media_queries_and_outlooks_comments_stay(way: str) -> None:
    html = made(way).html or ""
    assert [kept for kept in KEPT if kept not in html] == []
    assert html.count("<!--[if") == (made("compiled").html or "").count("<!--[if")
    assert html.count("<![endif]") == html.count("<!--[if")


@pytest.mark.parametrize("way", WAYS)
def test_it_renders_to_the_same_words_and_elements(way: str) -> None:
    found, plain = rendered(way), rendered("compiled")
    assert found.text == plain_text(plain.html or "") == plain.text
    assert (found.text or "").startswith("Second <Hand>\nSecond <Hand>\nLamp\nLamp & more, cheap\nSee it <https://")
    tags = re.compile(r"</?[a-z:]+")
    assert tags.findall(found.html or "") == tags.findall(plain.html or "")
    assert [i.content_id for i in found.images] == ["logo.png"]


def test_minified_is_smaller() -> None:
    assert len(made("minified").html or "") < len(made("compiled").html or "")
