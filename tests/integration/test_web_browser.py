"""The unsubscribe page in a real Chromium: pressed by mouse and by keyboard, without script, in several languages."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.event import EventType
from streams.mail_links import UNSUBSCRIBE_PATH
from tests.support.browser import Browser, chromium, running_browser
from tests.support.receiver import running_receiver
from tests.support.web import Web, running_web, token, trace
from tests.support.worker import Site

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(chromium() is None, reason="no chromium: apt-get install chromium"),
]


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Site]:
    with running_receiver(tmp_path / "receiver") as receiver:
        made = Site(kafka, prefix, receiver, tmp_path / "site")
        yield made
        made.close()


@pytest.fixture
def web(site: Site) -> Iterator[Web]:
    with running_web(site) as running:
        yield running


def url(web: Web, site: Site, **changes: object) -> tuple[str, str]:
    """A page's URL, and the message id."""
    found = trace(**changes)
    return f"http://127.0.0.1:{web.port}{UNSUBSCRIBE_PATH}{token(found, site.settings)}", found.message_id


def left(site: Site, message_id: str) -> list[str]:
    """Lists that were left with this message."""
    found = [s.event for s in site.seen() if s.event.message_id == message_id]
    return [e.attrs.get("list_id", "") for e in found if e.event_type == EventType.UNSUBSCRIBED]


async def heading(browser: Browser) -> str:
    return str(await browser.value("document.querySelector('h1').textContent"))


async def test_c6_46_looking_changes_nothing_and_the_button_unsubscribes(site: Site, web: Web, tmp_path: Path) -> None:
    address, message_id = url(web, site)
    async with running_browser(tmp_path) as browser:
        await browser.open(address)
        assert await heading(browser) == "Stop receiving “The weekly letter” from The Letter?"
        assert left(site, message_id) == []
        await browser.click("button[value=stop]")
        await browser.loaded()
        assert await heading(browser) == "You are unsubscribed from “The weekly letter”."
        site.wait(lambda: left(site, message_id) or None, "the event")
        assert left(site, message_id) == ["letter.example"]
        # undo, and see it again
        await browser.click("button[value=resume]")
        await browser.loaded()
        assert await heading(browser) == "You are subscribed again."
        # nothing was fetched from anywhere else, and the browser has nothing to tell (no cookie)
        assert all(r.startswith(f"http://127.0.0.1:{web.port}/") for r in browser.requests)
        assert (await browser.command("Network.getCookies"))["cookies"] == []
        shot = base64.b64decode((await browser.command("Page.captureScreenshot"))["data"])
        assert shot.startswith(b"\x89PNG")


async def test_by_keyboard_alone(site: Site, web: Web, tmp_path: Path) -> None:
    address, message_id = url(web, site)
    async with running_browser(tmp_path) as browser:
        await browser.open(address)
        reached = []
        for _ in range(5):
            await browser.press("Tab")
            reached.append(await browser.value("document.activeElement.value"))
            assert await browser.value("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        assert reached == ["stop", "stop-all", "letter.example", "offers.letter.example", "save"]
        # back to the tick of the second list is not needed: space unticks what has the focus
        await browser.value("document.getElementById('list-2').focus()")
        await browser.press("Space")
        await browser.press("Tab")
        await browser.press("Enter")
        await browser.loaded()
        assert await heading(browser) == "Your choice is saved."
        ticks = await browser.value("[...document.querySelectorAll('[name=keep]')].map(i => i.checked)")
        assert ticks == [True, False]
        site.wait(lambda: left(site, message_id) or None, "the event")
        assert left(site, message_id) == ["offers.letter.example"]


@pytest.mark.parametrize(
    ("language", "words", "direction"),
    [
        ("de-AT", "„The weekly letter“ von The Letter nicht mehr erhalten?", "ltr"),
        ("fr", "Ne plus recevoir « The weekly letter » de The Letter ?", "ltr"),
        ("ar", "هل تريد إيقاف استلام «The weekly letter» من The Letter؟", "rtl"),
        ("xh", "Stop receiving “The weekly letter” from The Letter?", "ltr"),
    ],
)
async def test_the_readers_language(
    site: Site, web: Web, tmp_path: Path, language: str, words: str, direction: str
) -> None:
    address, _ = url(web, site)
    async with running_browser(tmp_path, language) as browser:
        await browser.open(address)
        assert await heading(browser) == words
        assert await browser.value("getComputedStyle(document.body).direction") == direction
        # another one by its link, which stays chosen when the button is pressed
        await browser.click("a[hreflang=it]")
        await browser.loaded()
        await browser.click("button[value=stop]")
        await browser.loaded()
        assert await heading(browser) == "L’iscrizione a “The weekly letter” è annullata."  # noqa: RUF001 - Italian


async def test_what_a_screen_reader_finds(site: Site, web: Web, tmp_path: Path) -> None:
    address, _ = url(web, site)
    async with running_browser(tmp_path) as browser:
        await browser.open(address)
        tree = await browser.tree()
        assert ("heading", "Stop receiving “The weekly letter” from The Letter?") in tree
        assert ("button", "Unsubscribe from “The weekly letter”") in tree
        assert ("checkbox", "The weekly letter") in tree
        assert ("group", "Choose what you receive") in tree
        assert ("navigation", "Language") in tree
        assert [role for role, _ in tree if role == "main"] == ["main"]
        assert all(name for role, name in tree if role in {"button", "checkbox", "link", "heading"})
        # readable on a small screen: nothing is wider than it, and what is pressed is large enough (WCAG 2.5.8)
        small = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True}
        await browser.command("Emulation.setDeviceMetricsOverride", **small)
        assert await browser.value("document.documentElement.scrollWidth") <= 320
        heights = "[...document.querySelectorAll('button')].map(b => b.getBoundingClientRect().height)"
        assert min(await browser.value(heights)) >= 44


async def test_a_wrong_link_is_a_friendly_page(site: Site, web: Web, tmp_path: Path) -> None:
    async with running_browser(tmp_path, "es") as browser:
        await browser.open(f"http://127.0.0.1:{web.port}{UNSUBSCRIBE_PATH}broken")
        assert await heading(browser) == "Este enlace no funciona"
        assert await browser.value("document.querySelectorAll('form').length") == 0
