"""Events of recipients: complete, and the same at a repetition."""

from schemas.codec import decode, encode
from schemas.event import EventType
from streams.visitors import Visitor
from streams.web_events import web_event
from streams.web_tokens import WebTrace

UUID = "6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11"
TRACE = WebTrace(
    "click", "shop", "bulk", UUID, "0f" * 16, "weekly", "spring", "harbour.test", 3, 20_400, "https://a.example/",
    1, "news@1", "shop.example", "harbour", "main", "s1",
)  # fmt: skip


def test_a_click_says_all_that_is_known() -> None:
    found = web_event(TRACE, EventType.CLICKED, 5, "1", visitor=Visitor("Robot", True, "agent", "gmail"))
    assert decode("DeliveryEvent", encode("DeliveryEvent", found)) == found
    assert (found["link_url"], found["user_agent_family"], found["is_bot"]) == ("https://a.example/", "Robot", True)
    assert found["attrs"] == {"list_id": "weekly", "bot": "agent", "proxy": "gmail"}
    names = ("tenant_id", "campaign_id", "provider", "template_id", "sending_domain", "source_ip", "ip_pool", "stream")
    assert [found[n] for n in names] == ["shop", "spring", "harbour", "news@1", "shop.example", "s1", "main", "bulk"]


def test_an_id_follows_from_message_type_and_detail() -> None:
    one = web_event(TRACE, EventType.UNSUBSCRIBED, 5, "weekly", "page")
    assert web_event(TRACE, EventType.UNSUBSCRIBED, 9, "weekly", "one-click")["event_id"] == one["event_id"]
    assert web_event(TRACE, EventType.UNSUBSCRIBED, 5, "")["event_id"] != one["event_id"]
    assert (one["link_url"], one["reason"]) == ("", "page")
    assert "list_id" not in web_event(TRACE, EventType.UNSUBSCRIBED, 5, "", list_id="")["attrs"]
