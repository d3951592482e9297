"""A web process of its own, and small HTTP clients for it: nothing is followed, nothing is remembered."""

import http.client
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlencode

from agents.settings import Settings
from schemas import ids
from schemas.event import DeliveryEvent, EventType
from schemas.topics import DAY
from streams import web_tokens
from streams.mail_links import UNSUBSCRIBE_PATH
from tests.support.command import running_command
from tests.support.worker import Site

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"


class Answer(NamedTuple):
    """What came back. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: str


class Web:
    """A running web process."""

    def __init__(self, port: int, health: int) -> None:
        self.port = port
        self.health = health

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request; header names with _ for -."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            found = client.getresponse()
            text = found.read().decode("utf-8", "replace")
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, text)
        finally:
            client.close()

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.ask("GET", path, None, **headers)

    def one_click(self, path: str) -> Answer:
        """What a mailbox provider sends (RFC 8058 section 3.2)."""
        return self.ask("POST", path, ONE_CLICK, content_type=FORM)

    def press(self, path: str, *fields: tuple[str, str], **headers: str) -> Answer:
        """What the page's form sends."""
        return self.ask("POST", path, urlencode(fields).encode(), content_type=FORM, **headers)

    def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics; 0 when it is not there."""
        client = http.client.HTTPConnection("127.0.0.1", self.health, timeout=30)
        client.request("GET", "/metrics")
        text = client.getresponse().read().decode()
        client.close()
        words = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        found = re.search(rf"^{re.escape(name + (f'{{{words}}}' if words else ''))} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def running_web(site: Site, **env: str) -> Iterator[Web]:
    """A web process that has said that it is ready; at the end it is told to stop, and must do so by itself."""
    name = uuid.uuid4().hex[:6]
    ports = [site.folder / f"web-{name}.port", site.folder / f"web-{name}.health"]
    log_file = site.folder / f"web-{name}.log"
    more = {"web_port": "0", "web_port_file": str(ports[0]), "health_port_file": str(ports[1]), **env}
    with running_command("web", site.environ(**more), log_file, ports):
        yield Web(*[int(p.read_text()) for p in ports])


def trace(**changes: object) -> web_tokens.WebTrace:
    """What a token of the newsletter says: an unsubscribe token, one hour old, of a new recipient each time."""
    now_s = int(time.time())
    found = web_tokens.WebTrace(
        kind=web_tokens.UNSUBSCRIBE,
        tenant="newsletter",
        lane="bulk",
        message_id=str(uuid.uuid4()),
        recipient_hash=uuid.uuid4().hex,
        list_id="letter.example",
        campaign="spring",
        domain="harbour-books.test",
        partition=1,
        expiry_day=now_s * 1000 // DAY + 400,
        issued_s=now_s - 3600,
        template="news@1",
        sending_domain="letter.example",
        provider="harbour",
        pool="bulk",
        source="bulk-1",
    )
    return found._replace(**changes)  # type: ignore[arg-type]


def token(found: web_tokens.WebTrace, settings: Settings) -> str:
    """The token, signed as the worker does it."""
    return web_tokens.sign(found, settings.signing_keys)


def hash_of(settings: Settings, address: str) -> str:
    """The keyed hash of a plain address."""
    return ids.address_hash(settings.address_key, address)


def links(html: str, start: str) -> list[str]:
    """Paths of the hrefs and images of a message that begin with this URL."""
    return [path for path in re.findall(r'(?:href|src)="([^"]+)"', html) if path.startswith(start)]


def header_paths(value: str, base: str) -> Mapping[str, str]:
    """The URIs of a List-Unsubscribe field by scheme; https ones without the base."""
    uris = re.findall(r"<([^>]+)>", value)
    return {uri.partition(":")[0]: uri.removeprefix(base) for uri in uris}


def events(site: Site, message_id: str, *kinds: EventType) -> list[DeliveryEvent]:
    """Events of the message until now."""
    return [s.event for s in site.seen() if s.event.message_id == message_id and s.event.event_type in kinds]


def one_event(site: Site, message_id: str, kind: EventType) -> DeliveryEvent:
    """The first event of this kind, when it comes."""
    return site.wait(lambda: next(iter(events(site, message_id, kind)), None), f"{kind} of {message_id}")


def path_of(site: Site, **changes: object) -> tuple[str, str]:
    """An unsubscribe path of a new message, and the message id."""
    found = trace(**changes)
    return UNSUBSCRIBE_PATH + token(found, site.settings), found.message_id
