"""The preview page holds the message as data, never as part of itself."""

import base64
from html.parser import HTMLParser

from streams.lint import Finding
from streams.parts import inline_part
from streams.render import Rendered
from streams.template_preview import WIDTHS, preview_page

HTML = "<p title=\"a\">Hi</p></iframe><script>alert('1')</script>"


class Seen(HTMLParser):
    """Every start tag with its attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_frames_are_sandboxed_at_two_widths_and_hold_the_message() -> None:
    seen = Seen(preview_page("t", Rendered("Subject", "text", HTML), []))
    frames = [attrs for tag, attrs in seen.tags if tag == "iframe"]
    assert [f["width"] for f in frames] == [str(width) for _, width in WIDTHS]
    assert {f["sandbox"] for f in frames} == {""}
    assert {f["srcdoc"] for f in frames} == {HTML}
    assert not [tag for tag, _ in seen.tags if tag == "script"]


def test_nothing_runs_or_is_sent_by_policy() -> None:
    seen = Seen(preview_page("t", Rendered("s", "t", HTML), []))
    (policy,) = [a["content"] for tag, a in seen.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "script-src" not in policy


def test_subject_text_and_findings_are_text() -> None:
    finding = Finding("rule", "warning", "html", 3, 1, "because <b>")
    page = preview_page("<t>", Rendered("<s>&", "<script>text", "é"), [finding])
    seen = Seen(page)
    for wanted in ("<t>: <s>&", "<script>text", "warning: rule: html, line 3: because <b>", "HTML 2 octets"):
        assert wanted in seen.text
    assert not [tag for tag, _ in seen.tags if tag in {"script", "b", "t", "s"}]


def test_a_template_without_html_has_no_frames() -> None:
    seen = Seen(preview_page("t", Rendered("s", "text", None), []))
    assert not [tag for tag, _ in seen.tags if tag == "iframe"]
    assert "No HTML part." in seen.text


def test_images_are_shown_from_the_page_itself() -> None:
    images = tuple(inline_part(name, "image/png", b"png" * 30) for name in ("a.png", "a.png.png"))
    html = '<img src="cid:a.png"><img src="cid:a.png.png"><img src="cid:b.png">'
    seen = Seen(preview_page("t", Rendered("s", "t", html, images), []))
    frames = {attrs["srcdoc"] for tag, attrs in seen.tags if tag == "iframe"}
    data = "data:image/png;base64," + base64.b64encode(b"png" * 30).decode()
    assert frames == {f'<img src="{data}"><img src="{data}"><img src="cid:b.png">'}
