"""What do links of ours cost per message? Process time, 10 KB of HTML with 20 links of its own.

python -m tests.bench.tracking
"""

import json

from schemas.topics import DAY
from streams.config import SenderDomain, Tenant
from streams.events import Facts
from streams.mail_links import MailLinks, mail_links
from streams.render import Rendered
from streams.token_keys import parse_keys
from streams.tracking import Asked, tracked
from tests.bench.steps import microseconds

ROUNDS = 5
NOW = 20_000 * DAY
KEYS = parse_keys("1:" + "11" * 32)
BASE = "https://go.letter.example"
TENANT = Tenant(
    "letter", {"a.example": SenderDomain("a.example", "s")}, "b.example", {}, ("bulk",), True, True, web_url=BASE
)
FACTS = Facts(
    "6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11",
    "bulk",
    tenant="letter",
    campaign="spring-2026",
    recipient_hash="0f" * 16,
    domain="harbour-books.test",
    provider="harbour",
    template="news@3",
    sending_domain="letter.example",
    source="bulk-1",
    pool="bulk",
    list_id="letter.example",
)
LINK = '<p>{}</p><a style="color:#123456" href="https://letter.example/stories/{}?a=1&amp;b=2">Read</a>'
HTML = "<html><body>" + "".join(LINK.format("lorem ipsum dolor " * 23, i) for i in range(20)) + "</body></html>"


def links() -> MailLinks:
    """The message's tokens."""
    found = mail_links(TENANT, FACTS, 3, NOW, NOW, KEYS)
    assert found is not None
    return found


def main() -> None:
    """Measure and print."""
    rendered = Rendered("s", "text", HTML)
    prepared = links().prepared
    both = Asked(BASE, prepared, f"{BASE}/u/T", opens=True, clicks=True)
    without = TENANT._replace(web_url=None)
    figures = {
        "html_octets": len(HTML),
        "nothing_us": microseconds(lambda: mail_links(without, FACTS, 3, NOW, NOW, KEYS), ROUNDS),
        "unsubscribe_token_us": microseconds(links, ROUNDS),
        "opens_us": microseconds(lambda: tracked(rendered, both._replace(clicks=False)), ROUNDS),
        "opens_and_20_clicks_us": microseconds(lambda: tracked(rendered, both), ROUNDS),
        "html_octets_after": len(tracked(rendered, both).html or ""),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
