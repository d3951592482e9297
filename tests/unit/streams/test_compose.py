from typing import Any

import pytest

from schemas.records import Template
from schemas.request import Attachment, Sender
from streams.compose import (
    Composed,
    MessageFacts,
    compose,
    content_of,
    feedback_id,
    mail_words,
    render_request,
    unsubscribe_url,
)
from streams.config import SenderDomain, Tenant
from streams.parts import inline_part
from streams.refusal import Refusal
from streams.render import Rendered
from streams.templates import TemplateTable
from tests.mail import DATE_MS, DOMAIN, MESSAGE_ID, keys, parsed, text_of, verifies
from tests.unit.streams.test_admit import request

TENANT = Tenant(
    name="letter",
    sender_domains={DOMAIN: SenderDomain(DOMAIN, "r1", "e1")},
    return_path_domain=f"bounce.{DOMAIN}",
    pools={"bulk": "main"},
    lanes=("bulk", "transactional"),
    unsubscribe_url="https://letter.example/u?m={message_id}&c={campaign}&r={recipient_hash}",
    unsubscribe_mailto="unsubscribe@letter.example",
)
BULK = MessageFacts(MESSAGE_ID, "bulk", "ab" * 16, DATE_MS)
SIGNERS = (keys().rsa, keys().ed25519)
MAIL: dict[str, Any] = {"tenant": "letter", "sender": Sender(f"news@{DOMAIN}", "Der Brief"), "campaign": "Herbst & Co"}
RENDERED = Rendered("Grüße", "Hallo", "<p>Hallo</p>")


def templates() -> TemplateTable:
    table = TemplateTable()
    table.put(
        Template("news", 1, subject="Hi {{ name }}", text="{{ name }} {{ mail.recipient }} {{ mail.unsubscribe_url }}")
    )
    return table


def composed(facts: MessageFacts = BULK, tenant: Tenant = TENANT, **changes: Any) -> Composed:
    found = compose(request(**MAIL, **changes), RENDERED, tenant, facts, b"12345678", SIGNERS, DATE_MS // 1000)
    assert isinstance(found, Composed), found
    return found


def test_the_message_on_the_wire_verifies_and_says_what_was_asked() -> None:
    found = composed(recipient="zoe@BÜCHER.test", recipient_name="Zoë", reply_to="help@bücher.test")
    assert verifies(found.data, 0)
    assert verifies(found.data, 1)
    message = parsed(found.data)
    assert message["Subject"] == "Grüße"
    assert message["To"].addresses[0].addr_spec == "zoe@xn--bcher-kva.test"
    assert message["To"].addresses[0].display_name == "Zoë"
    assert message["Reply-To"] == "help@xn--bcher-kva.test"
    assert message["Message-ID"] == f"<{MESSAGE_ID}@{DOMAIN}>"
    assert message["Feedback-ID"] == "Herbst-Co:none:bulk:letter"
    assert (text_of(message, "plain"), text_of(message, "html")) == ("Hallo", "<p>Hallo</p>")
    assert not found.smtputf8
    assert composed(recipient="zoë@gmail.test").smtputf8


def test_c6_45_and_c6_49_only_bulk_mail_carries_list_unsubscribe() -> None:
    url = f"https://letter.example/u?m={MESSAGE_ID}&c=Herbst%20%26%20Co&r={'ab' * 16}"
    message = parsed(composed().data)
    assert (
        message["List-Unsubscribe"]
        == f"<{url}>, <mailto:unsubscribe@letter.example?subject=unsubscribe%20{MESSAGE_ID}>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe" not in parsed(composed(BULK._replace(lane="transactional")).data)
    plain = TENANT._replace(unsubscribe_url=None, unsubscribe_mailto=None)
    assert "List-Unsubscribe" not in parsed(composed(tenant=plain).data)
    assert unsubscribe_url(plain, request(), BULK) == ""


def test_c6_45_the_token_is_in_both_addresses_https_first() -> None:
    facts = BULK._replace(web_token="T" * 200)
    ours = TENANT._replace(unsubscribe_url=None, web_url="https://go.letter.example")
    message = parsed(composed(facts, ours).data)
    mailto = f"<mailto:unsubscribe@letter.example?subject=unsubscribe%20{'T' * 200}>"
    assert message["List-Unsubscribe"] == f"<https://go.letter.example/u/{'T' * 200}>, {mailto}"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    own = TENANT._replace(unsubscribe_url="https://letter.example/?t={token}")
    assert unsubscribe_url(own, request(), facts) == f"https://letter.example/?t={'T' * 200}"
    assert unsubscribe_url(ours, request(), BULK) == ""


def test_the_same_message_when_tried_again() -> None:
    assert composed().data == composed().data
    assert content_of(request(**MAIL), RENDERED, TENANT, BULK, b"1").date_ms == DATE_MS


def test_templates_get_the_variables_and_what_is_known_of_the_mail() -> None:
    asked = request(**MAIL, template_id="news", subject=None, text=None, variables='{"name": "Zoë", "mail": "x"}')
    found = render_request(asked, TENANT, BULK, templates())
    url = mail_words(asked, TENANT, BULK)["unsubscribe_url"]
    assert found == Rendered("Hi Zoë", f"Zoë someone@gmail.test {url}", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"template_id": "nothing"}, "template nothing, template: unknown template"),
        ({"template_id": "news", "template_version": 9}, "template news@9, template: unknown version"),
        ({"template_id": "news"}, "template news@1, subject, line 1: missing variable: `name` is undefined"),
        ({"template_id": "news", "variables": '{"name": "a\\nb"}'}, "template news@1, subject: holds a line break"),
    ],
)
def test_what_cannot_be_rendered_is_refused(changes: dict[str, Any], reason: str) -> None:
    found = render_request(request(**{**MAIL, "subject": None, "text": None, **changes}), TENANT, BULK, templates())
    assert isinstance(found, Refusal)
    assert found.stage == "render"
    assert found.reason.startswith(reason)


def test_inline_content_is_taken_as_it_is() -> None:
    found = render_request(request(subject="{{ x }}", text="", html="<p>{{ y }}</p>"), TENANT, BULK, templates())
    assert found == Rendered("{{ x }}", "{{ y }}", "<p>{{ y }}</p>")


def test_the_tenants_limits_hold() -> None:
    small = TENANT._replace(max_message_bytes=10_000)
    asked = request(**MAIL, attachments=(Attachment("a.bin", content=b"x" * 9000),))
    found = compose(asked, RENDERED, small, BULK, b"12345678", SIGNERS, DATE_MS // 1000)
    assert isinstance(found, Refusal)
    assert found.stage == "mime"
    assert found.reason.startswith("message: ")


def test_c6_48_feedback_id_has_four_fields_and_the_sender_last() -> None:
    asked = request(campaign="a:b c" + "x" * 99, template_id="t/1")
    parts = feedback_id(asked, TENANT, "bulk").split(":")
    assert len(parts) == 4
    assert parts[1:] == ["t-1", "bulk", "letter"]
    assert parts[0].startswith("a-b-cx")
    assert len(parts[0]) == 64


def test_c7_50_token_in_a_signed_header() -> None:
    data = composed(BULK._replace(token="a" * 56)).data
    assert parsed(data)["X-Streampost-Token"] == "a" * 56
    assert verifies(data, 0)
    assert "x-streampost-token" in str(parsed(data)["DKIM-Signature"]).lower()
    assert "X-Streampost-Token" not in parsed(composed().data)


def test_images_of_the_template_are_in_the_message_and_signed() -> None:
    image = inline_part("logo.png", "image/png", bytes(range(200)))
    rendered = Rendered("s", "text", '<img src="cid:logo.png" alt="Logo">', (image,))
    made = compose(request(**MAIL), rendered, TENANT, BULK, b"12345678", SIGNERS, DATE_MS // 1000)
    assert isinstance(made, Composed)
    assert verifies(made.data)
    (part,) = [p for p in parsed(made.data).walk() if p.get_content_type() == "image/png"]
    assert part.get_content() == bytes(range(200))
    small = TENANT._replace(max_message_bytes=300)
    refused = compose(request(**MAIL), rendered, small, BULK, b"12345678", SIGNERS, DATE_MS // 1000)
    assert isinstance(refused, Refusal)
    assert "above the limit of 300" in refused.reason
