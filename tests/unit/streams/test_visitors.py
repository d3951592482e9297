"""Program or person."""

import re

import pytest

from streams.visitors import Agent, agent_of, read_visitors, shipped, visitor, wants_no_tracking

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "family", "bot"),
    [
        (FIREFOX, "Firefox", False),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "Chrome", False),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/140.0", "Edge", False),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.0 Safari/605.1.15", "Safari", False),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {WEBKIT} Mobile/15E148", "Apple Mail", False),
        (f"Mozilla/5.0 (Linux; Android 10; CUBOT X30) {CHROME} Mobile Safari/537.36", "Chrome", False),
        ("Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Thunderbird/128.0", "Thunderbird", False),
        ("Microsoft Office/16.0 (Microsoft Outlook Mail 16.0.17; Pro)", "Outlook", False),
        (
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "Gmail image proxy",
            False,
        ),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "Yahoo Mail proxy", False),
        ("Mozilla/5.0", "Apple Mail Privacy Protection", True),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Robot", True),
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36", "Headless browser", True),
        ("curl/8.5.0", "Program", True),
        ("python-requests/2.32", "Program", True),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Link preview", True),
        ("Mimecast URL Protect", "Security scanner", True),
        ("", "None", True),
        ("Something/1.0", "Other", False),
    ],
)  # fmt: skip
def test_families(user_agent: str, family: str, bot: bool) -> None:
    found = agent_of(user_agent)
    assert (found.family, found.bot) == (family, bot)


@pytest.mark.parametrize(
    ("method", "headers", "age_s", "sign"),
    [
        ("GET", {}, 60, ""),
        ("HEAD", {}, 60, "head"),
        ("GET", {"user-agent": "curl/8"}, 60, "agent"),
        ("GET", {"sec-purpose": "prefetch;anonymous-client-ip"}, 60, "prefetch"),
        ("GET", {"purpose": "Prefetch"}, 60, "prefetch"),
        ("GET", {"x-moz": "prefetch"}, 60, "prefetch"),
        ("GET", {}, 2, "early"),
    ],
)
def test_signs(method: str, headers: dict[str, str], age_s: float, sign: str) -> None:
    found = visitor("click", method, {"user-agent": FIREFOX, **headers}, age_s)
    assert (found.is_bot, found.sign) == (bool(sign), sign)


def test_a_proxy_hides_a_person_and_is_named() -> None:
    found = visitor("open", "GET", {"user-agent": "x GoogleImageProxy"}, 60)
    assert (found.is_bot, found.proxy) == (False, "gmail")


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [({"dnt": "1"}, True), ({"sec-gpc": "1"}, True), ({"dnt": "0"}, False), ({}, False), ({"dnt": "yes"}, False)],
)
def test_do_not_track(headers: dict[str, str], wanted: bool) -> None:
    assert wants_no_tracking(headers) is wanted


def test_the_shipped_table_is_whole() -> None:
    table = shipped()
    assert table.early_s.keys() == {"open", "click"}
    assert all(isinstance(p, re.Pattern) and isinstance(a, Agent) and a.family for p, a in table.agents)
    with pytest.raises(KeyError):
        read_visitors("")
