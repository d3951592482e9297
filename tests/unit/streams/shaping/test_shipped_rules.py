"""The shipped rules against what providers really say: KumoMTA's tables, Sisimai 5 (lib/sisimai/rhost)."""

import pytest

from schemas.records import Control
from streams.classify import classify
from tests.unit.streams.shaping.samples import reply_event
from tests.unit.streams.shaping.test_automation import SHIPPED, begun, orders

OF_THE_SOURCE = """
gmail|550|5.7.1|Our system has detected an unusual rate of unsolicited mail|suspend|gmail-ip-blocked
gmail|421|4.7.0|Our system has detected an unusual rate of unsolicited mail|max_message_rate|gmail-unusual-rate
microsoft|451|4.7.652|exceeded the maximum number of connections. (S3115)|max_connections|microsoft-too-many-connections
microsoft|550|5.7.508|[1.2.3.4] has exceeded permitted limits within range|suspend|microsoft-access-denied
yahoo|421||[IPTS04] Messages from 1.2.3.4 temporarily deferred due to volume|max_message_rate|yahoo-complaints
comcast|554||resimta BL000110 Blocked, SenderScore and Cloudmark|suspend|comcast-blocked
comcast|421||Too many sessions opened|max_message_rate|comcast-rate
orange|421||mwinf5c79 ME Trop de connexions, veuillez verifier. OFR005_104 [104]|max_connections|orange-connections
gmx|421||Service not available, Reject due to policy restrictions|max_message_rate|gmx-rate
netease|550||RP:ORQ smtp12|max_message_rate|netease-frequency
qq|550||Domain frequency limited|max_message_rate|qq-frequency
"""

OF_ONE_MESSAGE = """
yahoo|450||User is receiving mail too quickly
yahoo|451||Message temporarily deferred due to unresolvable RFC.5321 from domain.
apple|421|4.7.1|Messages to <address> deferred due to excessive volume. Try again later - https://support.apple.com/x
microsoft|550|5.2.121|Recipient's per hour message receive limit from specific sender exceeded
orange|550|5.1.1|Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]
orange|552|5.1.1|Boite du destinataire pleine. Recipient overquota. OFR_417 [417]
orange|552|5.3.4|Taille limite du message atteinte OFR_514 [514]
laposte|550|5.1.1|Adresse d au moins un destinataire invalide. Invalid recipient. LPN007_416
laposte|550|5.5.0|Le compte du destinataire est bloque. The recipient account isblocked. LPN007_426
laposte|571|5.7.1|Message refused, DMARC verification Failed. LPN007_517
"""


def after(hits: int, text: str, code: int, enhanced: str, provider: str) -> list[Control]:
    """The orders when so many of them come, one a second, with the class that the classifier gives them."""
    said = classify("rcpt", code, enhanced, text).bounce_class
    events = [reply_event(text, code, enhanced, at_s=n, bounce_class=said, provider=provider) for n in range(hits)]
    return orders(begun(SHIPPED, provider), *events)


@pytest.mark.parametrize("line", OF_THE_SOURCE.strip().splitlines())
def test_c8_61_c8_62_c9_70_what_is_said_of_the_source_acts_at_the_first_reply(line: str) -> None:
    provider, code, enhanced, text, action, rule = line.split("|")
    (order,) = after(1, text, int(code), enhanced, provider)
    assert (order.action, order.rule, order.provider, order.source) == (action, rule, provider, "tx-1")


@pytest.mark.parametrize("line", OF_ONE_MESSAGE.strip().splitlines())
def test_what_is_said_of_one_mailbox_or_one_message_stops_nobody_else(line: str) -> None:
    provider, code, enhanced, text = line.split("|")
    assert after(100, text, int(code), enhanced, provider) == []


@pytest.mark.parametrize("code", ["4.7.26", "4.7.27", "4.7.30", "4.7.32", "5.7.26"])
def test_c9_70_rate_limited_for_want_of_authentication_is_the_tenants(code: str) -> None:
    text = "Your email has been rate limited because SPF authentication didn't pass"
    (order,) = after(20, text, 421 if code.startswith("4") else 550, code, "gmail")
    assert (order.rule, order.action, order.tenant, order.source) == ("gmail-unauthenticated", "suspend", "shop", "*")


def test_yahoo_japan_is_another_company() -> None:
    text = "Mail from 1.2.3.4 not allowed - VS98-IP0 deferred"
    assert [o.rule for o in after(2, text, 553, "", "yahoo-japan")] == ["yahoo-japan-deferred"]


@pytest.mark.parametrize("text", ["Too many connections, slow down. LPN105_104", "LPN027_503", "LPN007_510"])
def test_laposte_says_by_its_code_that_it_wants_less(text: str) -> None:
    assert [o.rule for o in after(2, text, 450, "4.7.1", "laposte")] == ["laposte-rate"]
