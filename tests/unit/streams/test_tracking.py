"""Which links are counted, and how they come out."""

import re

import pytest

from schemas.topics import DAY
from streams.compose import MessageFacts
from streams.config import SenderDomain, Tenant
from streams.events import Facts
from streams.mail_links import mail_links, uses_web
from streams.render import Rendered
from streams.token_keys import parse_keys
from streams.tracking import MAX_LINK, Asked, asked_of, tracked, web_target
from streams.web_tokens import WebTrace, prepare, read
from tests.unit.streams.test_admit import request

KEYS = parse_keys("1:" + "11" * 32)
NOW = 20_000 * DAY
UUID = "6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11"
BASE = "https://go.shop.example"
OWN = f"{BASE}/u/T"
TRACE = WebTrace("unsubscribe", "shop", "bulk", UUID, "0f" * 16, "weekly", "spring", "harbour.test", 3, 20_400)
ASKED = Asked(BASE, prepare(TRACE, KEYS), OWN, opens=False, clicks=True)


def html(text: str, asked: Asked = ASKED) -> str:
    found = tracked(Rendered("s", "plain", text), asked)
    assert found.text == "plain"
    assert found.html is not None
    return found.html


def target(text: str) -> str:
    """Where the one link of the rewritten text leads."""
    (token,) = re.findall(rf'href\s*=\s*"{re.escape(BASE)}/c/([\w-]+)"', text, re.IGNORECASE)
    found = read(token, KEYS, NOW)
    assert isinstance(found, WebTrace)
    assert found == TRACE._replace(kind="click", link=found.link)
    return found.link


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ('<a href="https://a.example/">x</a>', "https://a.example/"),
        ("<a href='http://a.example/?q=1'>x</a>", "http://a.example/?q=1"),
        ("<a href=https://a.example/?q=1>x</a>", "https://a.example/?q=1"),
        ('<A class="b" HREF = "HTTPS://a.example/x">x</A>', "https://a.example/x"),
        ('<a\n  href="https://a.example/?a=1&amp;b=&quot;2"\n>x</a>', "https://a.example/?a=1&b=%222"),
        ('<a title="a > b" href="https://a.example/">x</a>', "https://a.example/"),
        ('<a title="href=https://no.example" href="https://a.example/">x</a>', "https://a.example/"),
        ('<area shape="rect" href="https://a.example/">', "https://a.example/"),
        ('<!--[if mso]><v:roundrect href="https://a.example/"><![endif]-->', "https://a.example/"),
        ('<a href=" https://a.example/ ">x</a>', "https://a.example/"),
        ('<a href="https://bücher.example/ü?ü=1#ü">x</a>', "https://xn--bcher-kva.example/%C3%BC?%C3%BC=1#%C3%BC"),
        ('<a href="https://a.example/%20x">x</a>', "https://a.example/%20x"),
    ],
)
def test_links_are_counted(text: str, link: str) -> None:
    found = html(text)
    assert target(found) == link
    # nothing else has changed
    href = re.compile(r"""href\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
    assert href.sub("", found) == href.sub("", text)


@pytest.mark.parametrize(
    "text",
    [
        '<a href="mailto:a@b.example">x</a>',
        '<a href="tel:123">x</a>',
        '<a href="#top">x</a>',
        '<a href="/relative">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="">x</a>',
        "<a>x</a>",
        '<a name="https://a.example">x</a>',
        f'<a href="{OWN}">x</a>',
        f'<a href="{BASE}/u/other">x</a>',
        '<a data-track="off" href="https://a.example/">x</a>',
        '<a href="https://a.example/" clicktracking=off>x</a>',
        '<a href="https://user@a.example/">x</a>',
        '<a href="https://a.example/' + "x" * MAX_LINK + '">x</a>',
        '<a href="https://a.example/' + "ü" * 500 + '">x</a>',
        '<a href="https://">x</a>',
        '<a href="https://[::1">x</a>',
        '<a href="https://a.example\\@evil.example/">x</a>',
        '<link href="https://a.example/x.css">',
        '<img src="https://a.example/x.png">',
        '<abbr href="https://a.example/">x</abbr>',
        '<a href="https://a.example/',
        "<a href='https://a.example/ title=x>",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert html(text) == text


def test_the_same_link_is_the_same_url_and_many_are_told_apart() -> None:
    found = html(
        '<a href="https://a.example/1">x</a><a href="https://a.example/1">y</a><a href="https://a.example/2">z</a>'
    )
    one, two, three = re.findall(r'href="([^"]+)"', found)
    assert one == two != three


def test_nothing_is_done_when_nothing_is_asked() -> None:
    rendered = Rendered("s", "t", '<a href="https://a.example/">x</a>')
    assert tracked(rendered, ASKED._replace(clicks=False)) is rendered
    only_text = Rendered("s", "see https://a.example/", None)
    assert tracked(only_text, ASKED._replace(opens=True)) is only_text


def test_the_pixel_goes_last_in_the_body() -> None:
    asked = ASKED._replace(clicks=False, opens=True)
    found = html("<html><body>Hi <!-- </body> --></BODY></html>", asked)
    assert re.search(rf'<img src="{BASE}/o/[\w-]+\.gif" alt="" width="1" height="1" [^>]*></BODY></html>$', found)
    assert found.count("<img") == 1
    assert html("<p>Hi", asked).startswith('<p>Hi<img src="')


@pytest.mark.parametrize(
    ("text", "bare", "rest"),
    [
        ("See https://a.example/x.", "https://a.example/x", "."),
        ("(https://a.example/x)", "https://a.example/x", ")"),
        ("https://a.example/x_(y)!", "https://a.example/x_(y)", "!"),
        ("<https://a.example/x>", "https://a.example/x", ">"),
    ],
)
def test_links_of_the_text_part_by_option(text: str, bare: str, rest: str) -> None:
    found = tracked(Rendered("s", text, None), ASKED._replace(text_links=True))
    assert found.text is not None
    assert found.text.endswith(rest)
    (token,) = re.findall(r"/c/([\w-]+)", found.text)
    got = read(token, KEYS, NOW)
    assert isinstance(got, WebTrace)
    assert got.link == bare
    own = Rendered("s", f"Unsubscribe: {OWN}", None)
    assert tracked(own, ASKED._replace(text_links=True)) == own


TENANT = Tenant(
    "shop", {"a.example": SenderDomain("a.example", "s")}, "b.example", {}, ("bulk",), True, True, web_url=BASE
)
FACTS = Facts(UUID, "bulk", tenant="shop", recipient_hash="0f" * 16, provider="harbour", source="s1", pool="main")
ABOUT = MessageFacts(UUID, "bulk", "0f" * 16, NOW, "", "T")


def test_both_the_tenant_and_the_request_have_to_want_it() -> None:
    links = mail_links(TENANT, FACTS, 3, NOW, NOW, KEYS)
    assert links is not None
    for tenant, asks, expected in (
        (TENANT, (True, True), (True, True)),
        (TENANT, (True, False), (True, False)),
        (TENANT._replace(track_opens=False), (True, True), (False, True)),
    ):
        found = asked_of(request(track_opens=asks[0], track_clicks=asks[1]), tenant, ABOUT, links)
        assert found is not None
        assert (found.opens, found.clicks, found.own) == (*expected, OWN)
    assert asked_of(request(), TENANT, ABOUT, links) is None
    assert asked_of(request(track_opens=True), TENANT._replace(web_url=None), ABOUT, links) is None


def test_the_tokens_of_a_message_say_what_its_events_need() -> None:
    links = mail_links(TENANT, FACTS._replace(campaign="x" * 999), 3, NOW, NOW + 1500, KEYS)
    assert links is not None
    found = read(links.unsubscribe, KEYS, NOW)
    assert isinstance(found, WebTrace)
    assert (found.kind, found.partition, found.issued_s, found.provider) == (
        "unsubscribe",
        3,
        NOW // 1000 + 1,
        "harbour",
    )
    assert (found.source, found.pool, found.campaign) == ("s1", "main", "x" * 256)


def test_a_tenant_that_uses_none_of_it_costs_nothing() -> None:
    plain = TENANT._replace(web_url=None, unsubscribe_url="https://x.example/{message_id}")
    assert mail_links(plain, FACTS, 3, NOW, NOW, KEYS) is None
    assert uses_web(plain._replace(unsubscribe_url="https://x.example/{token}"))
    assert uses_web(plain._replace(unsubscribe_mailto="u@x.example"))


def test_a_target_is_an_ascii_url_without_line_breaks() -> None:
    for link in (
        "https://a.example/\r\nX: y",
        "https://a.example/\x00",
        "ftp://a.example/",
        "",
        "https://a.example:x/",
    ):
        assert web_target(link) == ""
    assert web_target("https://a.example/a b") == "https://a.example/a%20b"
