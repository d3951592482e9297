"""Opens and clicks over HTTP, on a real Kafka: who is flagged, who is not counted, and where a link may lead."""

import time
from collections.abc import Iterator

import pytest

from schemas.event import DeliveryEvent, EventType
from streams.mail_links import CLICK_PATH, OPEN_PATH
from tests.support.web import Web, events, one_event, running_web, token, trace
from tests.support.worker import Site, keeping_site

pytestmark = pytest.mark.kafka

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def site(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tracking")
    with keeping_site(kafka, f"web-{folder.parent.name}-{folder.name}-{time.time_ns()}", folder) as made:
        yield made


@pytest.fixture(scope="module")
def web(site: Site) -> Iterator[Web]:
    with running_web(site) as running:
        yield running


def test_what_is_no_person_is_flagged_and_who_does_not_want_it_is_not_counted(site: Site, web: Web) -> None:
    found = trace(kind="click", link="https://shop.example/x")
    path = CLICK_PATH + token(found, site.settings)
    for headers in ({"dnt": "1"}, {"sec_gpc": "1"}):
        assert web.get(path, user_agent=PERSON, **headers).headers["location"] == found.link
    web.ask("HEAD", path, user_agent=PERSON)
    web.get(path, user_agent="Mimecast")
    web.get(path, user_agent=PERSON, purpose="prefetch")
    web.get(path, user_agent=PERSON)
    early = CLICK_PATH + token(found._replace(issued_s=int(time.time())), site.settings)
    web.get(early, user_agent=PERSON)

    def all_of_them() -> list[DeliveryEvent] | None:
        seen = events(site, found.message_id, EventType.CLICKED)
        return seen if len(seen) >= 5 else None

    seen = site.wait(all_of_them, "five clicks")
    signs = [e.attrs.get("bot", "") for e in seen]
    assert signs == ["head", "agent", "prefetch", "", "early"]
    assert [e.is_bot for e in seen] == [bool(s) for s in signs]
    assert len({e.event_id for e in seen}) == 5


def test_there_is_no_open_redirect(site: Site, web: Web) -> None:
    found = trace(kind="click", link="https://shop.example/x")
    good = token(found, site.settings)
    wrong = [good[:-4] + "AAAA", good + "A", "https://evil.example", good + "?url=https://evil.example"]
    answers = [web.get(CLICK_PATH + w) for w in wrong]
    assert ["evil" in a.headers.get("location", "") for a in answers] == [False] * 4
    assert [a.status for a in answers] == [404, 404, 404, 302]
    for link in ("javascript:alert(1)", "//evil.example", "https://a@evil.example/", "data:text/html,x"):
        assert web.get(CLICK_PATH + token(found._replace(link=link), site.settings)).status == 404
    expired = web.get(CLICK_PATH + token(found._replace(expiry_day=1), site.settings))
    assert (expired.status, found.link in expired.body) == (410, True)


def test_a_pixel_is_always_an_image(site: Site, web: Web) -> None:
    answer = web.get(f"{OPEN_PATH}nonsense.gif")
    assert (answer.status, answer.headers["content-type"], answer.body[:5]) == (200, "image/gif", "GIF89")
    found = trace(kind="open")
    web.get(f"{OPEN_PATH}{token(found, site.settings)}.gif", user_agent="Mozilla/5.0")
    opened = one_event(site, found.message_id, EventType.OPENED)
    assert (opened.is_bot, opened.user_agent_family) == (True, "Apple Mail Privacy Protection")
    assert opened.attrs["proxy"] == "apple"
