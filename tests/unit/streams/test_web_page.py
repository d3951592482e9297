"""The pages: whole in every language, escaped, and usable without sight, mouse or script."""

import re
from html.parser import HTMLParser

import pytest

from streams.unsubscribe import ALL, Order, State
from streams.web_page import NOTICES, About, content_security_policy, css, notice_page, unsubscribe_page, words

LISTS = {"weekly": "Weekly", "daily": "Daily"}
ABOUT = About("Shop", "weekly", LISTS)
NONE = State({ALL: "", "weekly": "", "daily": ""})


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize("language", words())
def test_every_language_has_every_page(language: str) -> None:
    for text in (
        unsubscribe_page(language, ABOUT, NONE),
        unsubscribe_page(language, About("Shop", "", {}), State({ALL: "unsubscribe"}, "complaint"), Order("stop-all")),
        *(notice_page(language, name) for name in NOTICES),
    ):
        page = _Page(text)
        (html,) = page.all("html")
        assert (html["lang"], html["dir"]) == (language, words()[language]["dir"])
        assert "{" not in re.sub("<style>.*</style>", "", text, flags=re.DOTALL)


def test_no_language_lacks_a_word() -> None:
    for language, texts in words().items():
        assert texts.keys() == words()["en"].keys()
        assert language == "en" or texts["nothing_yet"] != words()["en"]["nothing_yet"]


def test_it_is_accessible_and_loads_nothing() -> None:
    page = _Page(unsubscribe_page("en", ABOUT, NONE))
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert {i["id"] for i in page.all("input") if i["type"] == "checkbox"} == {a["for"] for a in page.all("label")}
    assert page.all("fieldset")
    assert page.all("legend")
    for tag in ("script", "img", "link", "iframe", "object"):
        assert page.all(tag) == []
    assert all(f == {"method": "post"} for f in page.all("form"))
    assert "url(" not in css()
    assert "@import" not in css()


def test_c6_45_names_are_escaped() -> None:
    evil = '"><script>alert(1)</script>&'
    text = unsubscribe_page("en", About(evil, evil, {evil: evil}), State({ALL: "", evil: ""}))
    assert "<script" not in text
    assert _Page(text).all("script") == []
    notice = notice_page("en", "expired", f"https://a.example/{evil}")
    assert "<script" not in notice


@pytest.mark.parametrize(
    ("state", "order", "heading", "buttons"),
    [
        (NONE, None, "Stop receiving “Weekly” from Shop?", ["stop", "stop-all"]),
        (
            State({"weekly": "unsubscribe"}),
            Order("stop"),
            "You are unsubscribed from “Weekly”.",
            ["resume", "stop-all"],
        ),
        (State({ALL: "unsubscribe"}), None, "You are unsubscribed from all newsletters from Shop.", ["resume-all"]),
        (NONE, Order("resume"), "You are subscribed again.", ["stop", "stop-all"]),
        (NONE, Order("save"), "Your choice is saved.", ["stop", "stop-all"]),
    ],
)
def test_what_it_says(state: State, order: Order | None, heading: str, buttons: list[str]) -> None:
    text = unsubscribe_page("en", ABOUT, state, order)
    found = re.search("<h1[^>]*>([^<]*)</h1>", text)
    assert found is not None
    assert found[1] == heading
    assert [b["value"] for b in _Page(text).all("button")][:-1] == buttons


def test_ticks_say_what_still_comes() -> None:
    page = _Page(unsubscribe_page("en", ABOUT, State({ALL: "", "weekly": "", "daily": "unsubscribe"})))
    ticked = [i["value"] for i in page.all("input") if i["type"] == "checkbox" and "checked" in i]
    assert ticked == ["weekly"]


def test_the_policy_allows_the_one_style_and_nothing_else() -> None:
    policy = dict(part.strip().split(" ", 1) for part in content_security_policy().split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "script-src" not in policy
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", policy["style-src"])


def _luminance(colour: str) -> float:
    full = colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])
    parts = [int(full[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_contrast_is_enough_in_light_and_dark() -> None:
    # WCAG 2.2 section 1.4.3: 4.5 for text, section 1.4.11: 3 for borders
    for block in re.findall(r":root\{([^}]*)\}", css()):
        colours = dict(re.findall(r"--(\w+):(#[0-9a-f]+)", block))
        for front, back, least in (("text", "back", 7), ("soft", "back", 4.5), ("act", "back", 4.5), ("on", "act", 4.5),
                                   ("line", "back", 3)):  # fmt: skip
            light, dark = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= least, (front, back)
