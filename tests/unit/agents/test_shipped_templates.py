import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agents.template_files import read_template
from streams.render import Compiled, Rendered, check_template, compile_template, render

FOLDER = Path(__file__).parents[3] / "config" / "templates"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
MAIL = {
    "mail": {
        "message_id": "m",
        "recipient": "someone@gmail.test",
        "recipient_name": "",
        "sender": "a@b.example",
        "sender_name": "",
        "tenant": "t",
        "campaign": "c",
        "unsubscribe_url": "https://letter.example/unsubscribe/m",
    }
}


def texts(name: str) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (FOLDER / name).iterdir()}


def shipped(name: str) -> Rendered:
    compiled = compile_template(read_template(FOLDER / name))
    assert isinstance(compiled, Compiled), compiled
    found = render(compiled, {**json.loads(texts(name)["sample.json"]), **MAIL})
    assert isinstance(found, Rendered), found
    return found


def test_three_templates_are_shipped() -> None:
    assert NAMES == ["marketplace-digest", "newsletter", "order-confirmation"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_template_is_whole(name: str) -> None:
    assert check_template(read_template(FOLDER / name)) == ()
    found = shipped(name)
    assert found.subject
    assert "\n" not in found.subject
    assert found.html is not None
    assert 8_000 <= len(found.html) <= 12_000
    assert found.text is not None
    assert "{{" not in found.html + found.text + found.subject
    assert "None" not in found.html + found.text


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_template_loads_nothing_and_links_to_reserved_names_only(name: str) -> None:
    html = shipped(name).html or ""
    tags = _Tags(html).found
    assert not {tag for tag, _ in tags} & {"img", "script", "link", "iframe", "object", "form"}
    assert "url(" not in html
    assert "@import" not in html
    links = [attrs.get("href") or "" for tag, attrs in tags if tag == "a"]
    assert len(links) >= 4
    assert [link for link in links if not re.match(r"https://[a-z.]+\.(example|test)/", link)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_template_is_accessible(name: str) -> None:
    html = shipped(name).html or ""
    tags = _Tags(html).found
    assert ("html", "en") in [(tag, attrs.get("lang")) for tag, attrs in tags]
    assert [tag for tag, _ in tags].count("h1") == 1
    layout = [attrs for tag, attrs in tags if tag == "table" and attrs.get("role") != "presentation"]
    assert all(attrs.get("summary") for attrs in layout)  # a table of data says what it is
    assert "<title>" in html


@pytest.mark.parametrize("name", ["newsletter", "marketplace-digest"])
def test_c6_47_bulk_templates_show_the_unsubscribe_link(name: str) -> None:
    found = shipped(name)
    assert "https://letter.example/unsubscribe/m" in (found.html or "")
    assert "https://letter.example/unsubscribe/m" in (found.text or "")
