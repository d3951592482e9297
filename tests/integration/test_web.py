"""`streampost web` as a process, on a real Kafka: what it answers, what it writes, and what the worker makes of it."""

import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from schemas.event import DeliveryEvent, EventType
from schemas.topics import DAY
from streams.mail_links import CLICK_PATH, OPEN_PATH, UNSUBSCRIBE_PATH
from tests.mail import parsed, text_of
from tests.support.web import Web, events, header_paths, links, one_event, path_of, running_web, token, trace
from tests.support.worker import Site, keeping_site, running_worker

pytestmark = pytest.mark.kafka

BASE = "https://go.letter.example"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def site(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("web")
    with keeping_site(kafka, f"web-{folder.parent.name}-{folder.name}-{time.time_ns()}", folder) as made:
        yield made


@pytest.fixture(scope="module")
def web(site: Site) -> Iterator[Web]:
    with running_web(site) as running:
        yield running


def mail_of(site: Site, request: dict[str, Any]) -> EmailMessage:
    site.outcome(request, "delivered")
    record = next(a for a in site.receiver.accepted() if a["id"] == request["id"])
    return parsed((site.folder.parent / "mails" / record["file"]).read_bytes())


# ---- one click


def test_c6_46_one_click_in_a_delivered_mail_stops_the_next_one(site: Site, web: Web) -> None:
    html = '<p>Hello <a href="https://shop.example/a?b=1&amp;c=2">look</a></p>'
    tracked = {"list_id": "letter.example", "campaign": "spring", "track_opens": True, "track_clicks": True}
    first = site.request(recipient="cleo@harbour-books.test", text=None, html=html, **tracked)
    with running_worker(site):
        site.send(first)
        mail = mail_of(site, first)
        paths = header_paths(mail["List-Unsubscribe"], BASE)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert paths["https"].startswith(UNSUBSCRIBE_PATH)
        assert paths["mailto"].endswith(paths["https"].removeprefix(UNSUBSCRIBE_PATH))
        assert "cleo" not in paths["https"]
        answer = web.one_click(paths["https"])
        assert (answer.status, answer.body) == (200, "unsubscribed\n")
        assert not {"set-cookie", "location"} & answer.headers.keys()
        left = one_event(site, first["id"], EventType.UNSUBSCRIBED)
        expected = ("newsletter", "spring", "harbour-books.test", "bulk", "letter.example", "one-click")
        attrs = left.attrs["list_id"]
        assert (left.tenant_id, left.campaign_id, left.recipient_domain, left.stream, attrs, left.reason) == expected
        assert left.recipient_hash == one_event(site, first["id"], EventType.DELIVERED).recipient_hash
        # again, as receivers do: the same event, no harm
        assert web.one_click(paths["https"]).status == 200
        again = site.wait(lambda: _twice(site, first["id"]), "the repeated event")
        assert {e.event_id for e in again} == {left.event_id}
        _stopped(site, "cleo@harbour-books.test", list_id="letter.example")
        # another list of the tenant still comes
        other = site.request(recipient="cleo@harbour-books.test", list_id="offers.letter.example")
        site.send(other)
        site.outcome(other, "delivered")
        # opens and clicks of the same mail
        _opens_and_clicks(site, web, first["id"], text_of(mail, "html"))
        assert "https://shop.example/a?b=1&c=2" in text_of(mail, "plain")


def _twice(site: Site, message_id: str) -> list[DeliveryEvent] | None:
    found = events(site, message_id, EventType.UNSUBSCRIBED)
    return found if len(found) > 1 else None


def _stopped(site: Site, recipient: str, **changes: Any) -> None:
    """The worker follows the list within a moment: until then it may still send, so ask until it is refused."""

    def refused() -> DeliveryEvent | None:
        request = site.request(recipient=recipient, **changes)
        site.send(request)
        found = site.outcome(request, "delivered", "suppressed")
        return found if found.event_type == "suppressed" else None

    assert "unsubscribe" in site.wait(refused, f"{recipient} is suppressed").reason


def _opens_and_clicks(site: Site, web: Web, message_id: str, html: str) -> None:
    (click,) = links(html, f"{BASE}{CLICK_PATH}")
    (pixel,) = links(html, f"{BASE}{OPEN_PATH}")
    answer = web.get(click.removeprefix(BASE), user_agent=PERSON)
    assert (answer.status, answer.headers["location"]) == (302, "https://shop.example/a?b=1&c=2")
    image = web.get(pixel.removeprefix(BASE), user_agent=PERSON)
    assert (image.status, image.headers["content-type"]) == (200, "image/gif")
    clicked, opened = (one_event(site, message_id, k) for k in (EventType.CLICKED, EventType.OPENED))
    assert clicked.link_url == "https://shop.example/a?b=1&c=2"
    assert (clicked.user_agent_family, opened.user_agent_family, opened.link_url) == ("Firefox", "Firefox", "")
    assert (clicked.campaign_id, clicked.stream, clicked.ip_pool) == ("spring", "bulk", "bulk")
    assert clicked.source_ip


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        ("application/x-www-form-urlencoded; charset=UTF-8", b"List-Unsubscribe=One%2DClick"),
        (
            "multipart/form-data; boundary=x1",
            b'--x1\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x1--\r\n',
        ),
    ],
)
def test_c6_46_both_forms_of_the_body(site: Site, web: Web, content_type: str, body: bytes) -> None:
    path, message_id = path_of(site)
    assert web.ask("POST", path, body, content_type=content_type).status == 200
    assert one_event(site, message_id, EventType.UNSUBSCRIBED)


def test_c6_46_scanners_change_nothing(site: Site, web: Web) -> None:
    path, message_id = path_of(site)
    for method in ("GET", "HEAD", "GET"):
        answer = web.ask(method, path, user_agent="Barracuda Sentinel")
        assert (answer.status, "set-cookie" in answer.headers) == (200, False)
    for method in ("PUT", "DELETE", "OPTIONS"):
        assert web.ask(method, path).status == 405
    for body in (b"", b"List-Unsubscribe=", b"x=1", b"List-Unsubscribe=One-Click" + b"&a=b" * 5000):
        assert web.ask("POST", path, body, content_type="application/x-www-form-urlencoded").status in {400, 413}
    control, other = path_of(site)
    web.one_click(control)
    one_event(site, other, EventType.UNSUBSCRIBED)
    assert events(site, message_id, EventType.UNSUBSCRIBED) == []


def test_c6_45_wrong_and_old_tokens_are_counted_and_change_nothing(site: Site, web: Web) -> None:
    path, message_id = path_of(site)
    forged = path[:-3] + ("AAA" if not path.endswith("AAA") else "BBB")
    old, _ = path_of(site, expiry_day=int(time.time() * 1000) // DAY - 1)
    click, _ = path_of(site, kind="click", link="https://a.example")
    before = {f: web.metric("streampost_web_refused_tokens_total", route="unsubscribe", fault=f) for f in FAULTS}
    for wanted, refused in ((404, forged), (410, old), (404, click), (404, UNSUBSCRIBE_PATH + "x")):
        answer = web.one_click(refused)
        assert answer.status == wanted
        assert "Nothing was changed" in answer.body
        assert web.get(refused).status == wanted
    after = {f: web.metric("streampost_web_refused_tokens_total", route="unsubscribe", fault=f) for f in FAULTS}
    assert {f: after[f] - before[f] for f in FAULTS} == dict.fromkeys(FAULTS, 2.0)
    assert web.get("/nowhere").status == 404
    assert events(site, message_id, EventType.UNSUBSCRIBED) == []


FAULTS = ("forged", "expired", "other_kind", "malformed")


# ---- the page


def test_the_page_stops_undoes_and_keeps_other_reasons(site: Site, web: Web) -> None:
    path, message_id = path_of(site)
    assert "Nothing changes until you press a button." in web.get(path).body
    done = web.press(path, ("do", "stop"))
    assert (done.status, "You are unsubscribed from “The weekly letter”." in done.body) == (200, True)
    assert "Subscribe again" in web.get(path).body
    assert "You are subscribed again." in web.press(path, ("do", "resume")).body
    assert "Stop receiving" in web.get(path).body
    (back,) = site.wait(lambda: events(site, message_id, EventType.RESUBSCRIBED) or None, "the event of coming back")
    assert (back.reason, back.attrs) == ("page", {"list_id": "letter.example"})
    assert "unsubscribed from all" in web.press(path, ("do", "stop-all")).body
    # one is ticked again: the stop of all goes, that of the other is written
    shown = (("shown", "letter.example"), ("shown", "offers.letter.example"), ("keep", "letter.example"))
    saved = web.press(path, ("do", "save"), *shown)
    assert "Your choice is saved." in saved.body
    assert 'value="letter.example" checked' in saved.body
    assert 'value="offers.letter.example" checked' not in saved.body
    left = site.wait(lambda: _lists(site, message_id, 3), "three events")
    assert left == ["letter.example", "", "offers.letter.example"]


def _lists(site: Site, message_id: str, count: int) -> list[str] | None:
    found = [e.attrs.get("list_id", "") for e in events(site, message_id, EventType.UNSUBSCRIBED)]
    return found if len(found) >= count else None


def test_a_complaint_is_neither_replaced_nor_lifted(site: Site, web: Web) -> None:
    found = trace(list_id="")
    path = UNSUBSCRIBE_PATH + token(found, site.settings)
    key = f"newsletter/bulk/{found.recipient_hash}".encode()
    fields = {"tenant": "newsletter", "address_hash": found.recipient_hash, "lane": "bulk", "reason": "complaint"}
    site.put("suppressions", key, "Suppression", {**DEFAULTS, **fields})
    site.wait(lambda: True if "another reason" in web.get(path).body else None, "the page knows the complaint")
    assert web.one_click(path).status == 200
    assert one_event(site, found.message_id, EventType.UNSUBSCRIBED)
    web.press(path, ("do", "resume"))
    assert "another reason" in web.get(path).body


DEFAULTS = {"address": "", "origin": "", "created_at": 0, "expires_at": None, "list_id": ""}


def test_headers_and_languages(site: Site, web: Web) -> None:
    path, _ = path_of(site)
    answer = web.get(path, accept_language="fr-CH, fr;q=0.9, de;q=0.8")
    assert '<html lang="fr" dir="ltr">' in answer.body
    assert '<html lang="ar" dir="rtl">' in web.get(path + "?lang=ar", accept_language="de").body
    assert answer.headers["cache-control"] == "no-store, private"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "server" not in answer.headers
    assert "Disallow: /" in web.get("/robots.txt").body


def test_a_partition_that_is_not_there_does_no_harm(site: Site, web: Web) -> None:
    for partition in (-1, 30_000):
        path, message_id = path_of(site, partition=partition)
        assert web.one_click(path).status == 200
        assert one_event(site, message_id, EventType.UNSUBSCRIBED)


def test_the_event_goes_to_the_partition_of_its_request_and_finishes_nothing(site: Site, web: Web) -> None:
    for partition in (0, 1):
        path, message_id = path_of(site, partition=partition)
        web.one_click(path)
        one_event(site, message_id, EventType.UNSUBSCRIBED)
        seen = next(s for s in site.seen() if s.event.message_id == message_id)
        assert (seen.partition, seen.src[1]) == (partition, -1)
