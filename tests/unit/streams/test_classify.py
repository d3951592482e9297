"""The classifier: its layers, permanence, hardness, and one case for each provider rule."""

import pytest

from streams.classify import ADVICE, CLASSES, SCOPES, STAGES, classify
from streams.reply_rules import load, tables

RECIPIENT_CLASSES = {"invalid_recipient", "invalid_domain"}

PROVIDERS = [
    # C9.70: Gmail; 4 is still deferring, 5 is blocked
    ("421", "4.7.28", "Gmail has detected an unusual rate of unsolicited mail", "rate_limited"),
    ("550", "5.7.28", "Gmail has detected an unusual rate of mail", "rate_limited"),
    ("550", "5.7.26", "This mail has been blocked because the sender is unauthenticated.", "authentication"),
    ("421", "4.7.26", "This mail has been rate limited because it is unauthenticated.", "authentication"),
    ("421", "4.7.27", "Your email has been rate limited because SPF authentication didn't pass", "authentication"),
    ("550", "5.7.27", "SPF authentication didn't pass", "authentication"),
    ("421", "4.7.30", "rate limited because DKIM authentication didn't pass", "authentication"),
    ("550", "5.7.30", "DKIM authentication didn't pass", "authentication"),
    ("421", "4.7.31", "no DMARC record", "authentication"),
    ("421", "4.7.40", "no DMARC policy", "authentication"),
    ("550", "5.7.40", "no DMARC policy", "authentication"),
    ("421", "4.7.32", "From: header isn't aligned", "authentication"),
    ("421", "4.7.23", "The sending IP address does not have a PTR record", "authentication"),
    ("550", "5.7.25", "The IP address sending this message does not have a PTR record setup", "authentication"),
    ("552", "5.2.2", "The recipient's inbox is out of storage space and inactive.", "mailbox_full"),
    ("452", "4.2.2", "The recipient's inbox is out of storage space.", "mailbox_full"),
    ("550", "5.7.1", "Our system has detected that this message is likely unsolicited mail.", "content"),
    ("550", "5.7.1", "very low reputation of the sending IP 550-5.7.1 address.", "reputation"),
    ("550", "5.1.1", "The email account that you tried to reach does not exist.", "invalid_recipient"),
    ("550", "5.2.1", "The email account that you tried to reach is inactive.", "inactive"),
    # C9.68: Yahoo
    ("421", "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", "rate_limited"),
    ("553", "5.7.1", "[BL21] Connections will not be accepted from 192.0.2.1", "reputation"),
    ("554", "", "delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com)", "invalid_recipient"),
    # C9.69: Microsoft
    ("550", "5.7.515", "Access denied, sending domain does not meet the required authentication", "authentication"),
    (
        "550",
        "5.7.1",
        "Unfortunately, messages weren't sent. part of their network is on our block list (S3150)",
        "reputation",
    ),
    ("550", "5.7.606", "Access denied, banned sending IP [192.0.2.1]", "reputation"),
    ("451", "4.7.650", "The mail server [192.0.2.1] has been temporarily rate limited", "rate_limited"),
    ("550", "5.4.1", "Recipient address rejected: Access denied. AS(201806281)", "invalid_recipient"),
    ("550", "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient not found", "invalid_recipient"),
    # others
    ("554", "", "(RTR:BL) https://postmaster.aol.com/error-codes#554rtrbl", "reputation"),
    ("554", "", "(HVU:B1) a URL in the message", "content"),
    ("421", "", "mwinf5c77 ME Trop de connexions. OFR_108 [108]", "reputation"),
    ("550", "5.2.0", "Mail rejete. Mail rejected. ofr_506 [506]", "content"),
    ("554", "5.7.1", "Client host rejected. LPN000_630", "policy"),
    ("550", "5.1.1", "Adresse d au moins un destinataire invalide. OFR_416 [416]", "invalid_recipient"),
    ("550", "5.1.1", "RCP-P2 Refused due to recipient preferences", "policy"),
    ("550", "", ": User unknown", "policy"),
    ("542", "", "a@example.com Rejected", "invalid_recipient"),
]


@pytest.mark.parametrize(("code", "enhanced", "text", "expected"), PROVIDERS)
def test_c9_70_and_c8_61_provider_rules(code: str, enhanced: str, text: str, expected: str) -> None:
    verdict = classify("dsn", int(code), enhanced, text)
    assert verdict.bounce_class == expected
    assert verdict.hard is (expected == "invalid_recipient")


TEXTS = [
    ("No such user here", "invalid_recipient"),
    ("user unknown in virtual alias table", "invalid_recipient"),
    ("Host or domain name not found. Name service error for name=x type=A: Host not found", "invalid_domain"),
    ("domain x does not accept mail (nullMX)", "invalid_domain"),
    ("account has been disabled", "inactive"),
    ("mailbox is full", "mailbox_full"),
    ("Message size exceeds fixed maximum message size", "too_large"),
    ("This message contains a virus", "content"),
    ("message identified as spam", "content"),
    ("Relay access denied", "policy"),
    ("Sender address rejected: not allowed", "policy"),
    ("Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org", "reputation"),
    ("rejected due to the DMARC policy of the domain", "authentication"),
    ("cannot find your reverse hostname", "authentication"),
    ("Too many connections from your host", "rate_limited"),
    ("Greylisted, please come back later", "greylisted"),
    ("connect to mx.example[192.0.2.1]:25: Connection timed out", "network"),
    ("too many hops", "network"),
    ("insufficient system storage", "system"),
    ("bad sequence of commands", "protocol"),
    ("zzz", "unknown"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_text_layer(text: str, expected: str) -> None:
    assert classify("dsn", 0, "", text).bounce_class == expected


def test_every_class_has_a_text_example() -> None:
    assert {expected for _, expected in TEXTS} == set(CLASSES)


def test_text_is_stronger_than_a_general_code() -> None:
    assert classify("dsn", 550, "5.1.1", "mailbox full").bounce_class == "mailbox_full"


def test_a_full_mailbox_that_could_not_be_written() -> None:
    """Postfix says EX_IOERR of a mailbox at its limit: only the code tells it from a broken disk."""
    assert classify("dsn", 0, "5.2.2", "input/output error").bounce_class == "mailbox_full"
    assert classify("dsn", 0, "5.3.0", "input/output error").bounce_class == "system"


def test_an_unknown_user_of_a_virtual_domain_of_opensmtpd() -> None:
    verdict = classify("rcpt", 524, "5.2.4", "Mailing list expansion problem: <bob@example.org>")
    assert (verdict.bounce_class, verdict.hard) == ("invalid_recipient", True)
    assert classify("rcpt", 550, "5.2.4", "Mailing list expansion problem").bounce_class == "policy"


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("mailbox is full: ", "mailbox_full"),
        ("SMTP error from remote mail server after end of data: 452 4.2.2 over quota: ", "mailbox_full"),
        ("host lookup did not complete: ", "network"),
        ("", "network"),
    ],
)
def test_what_failed_is_stronger_than_exim_having_given_up(why: str, expected: str) -> None:
    """Its words for the end of its patience stand behind the reason of the last attempt."""
    verdict = classify("dsn", 0, "5.0.0", f"{why}retry timeout exceeded")
    assert (verdict.bounce_class, verdict.hard) == (expected, False)


def test_a_precise_code_is_stronger_than_text() -> None:
    assert classify("body", 550, "5.7.26", "user unknown").bounce_class == "authentication"


@pytest.mark.parametrize(
    ("stage", "code", "expected"),
    [
        ("connect", 0, "network"),
        ("greeting", 554, "reputation"),
        ("rcpt", 452, "rate_limited"),
        ("body", 554, "content"),
        ("rcpt", 552, "mailbox_full"),
        ("body", 552, "too_large"),
        ("mail", 550, "policy"),
        ("rcpt", 450, "system"),
        ("ehlo", 503, "protocol"),
        ("rcpt", 550, "unknown"),
    ],
)
def test_c8_59_code_and_stage_decide_when_nothing_else_does(stage: str, code: int, expected: str) -> None:
    assert classify(stage, code, "", "").bounce_class == expected


def test_c8_58_permanence_follows_the_reply_code() -> None:
    assert classify("rcpt", 550, "5.1.1", "").permanent
    assert not classify("rcpt", 450, "4.1.1", "").permanent
    assert not classify("rcpt", 450, "4.1.1", "user unknown").hard


def test_c8_58_5yz_that_says_later_is_not_permanent() -> None:
    for text in ("Greylisted", "service temporarily unavailable, try again later"):
        verdict = classify("rcpt", 550, "", text)
        assert not verdict.permanent
        assert verdict.advice == "retry"


def test_c7_54_only_the_recipients_own_failures_are_hard() -> None:
    known = tables()
    for rule in [*known.rules, *known.precise.values(), *known.general.values(), *known.codes.values()]:
        traits = known.traits[rule.bounce_class]
        assert traits.hard is (rule.bounce_class in RECIPIENT_CLASSES), rule.name


def test_unknown_user_after_the_data_is_a_filters_word() -> None:
    assert not classify("body", 550, "", "User unknown").hard
    assert classify("body", 550, "5.1.1", "User unknown").hard
    assert classify("rcpt", 550, "", "User unknown").hard


def test_unknown_user_with_a_code_about_something_else_is_not_hard() -> None:
    assert not classify("dsn", 550, "5.2.0", "Unknown user").hard
    assert not classify("dsn", 550, "", "mailbox unavailable").hard
    assert classify("dsn", 550, "5.1.1", "mailbox unavailable").hard


def test_reverse_dns_is_about_the_source() -> None:
    assert classify("rcpt", 550, "5.7.25", "").scope == "source"
    assert classify("rcpt", 550, "", "no PTR record").scope == "source"
    assert classify("rcpt", 550, "5.7.26", "").scope == "tenant"


def test_address_and_codes_in_the_text_do_not_decide() -> None:
    assert classify("dsn", 550, "", "<spam-virus@blacklist.example>: mailbox full").bounce_class == "mailbox_full"
    text = "550-5.1.1 The email account that you tried 550-5.1.1 to reach does not exist"
    assert classify("dsn", 550, "5.1.1", text).rule == "text:unknown-user"


@pytest.mark.parametrize(("code", "enhanced"), [(250, ""), (250, "2.1.5"), (354, ""), (0, "2.0.0")])
def test_an_accepting_reply_refuses_nothing(code: int, enhanced: str) -> None:
    verdict = classify("body", code, enhanced, "mailbox full")
    assert (verdict.hard, verdict.permanent, verdict.rule) == (False, False, "accepted")


def test_tables_are_consistent() -> None:
    known = tables()
    assert set(known.traits) == set(CLASSES)
    names = [rule.name for rule in known.rules]
    assert len(set(names)) == len(names)
    for rule in [*known.rules, *known.precise.values(), *known.general.values(), *known.codes.values()]:
        assert rule.bounce_class in CLASSES, rule.name
        assert not rule.scope or rule.scope in SCOPES, rule.name
        assert not rule.advice or rule.advice in ADVICE, rule.name
        assert set(rule.stages) <= set(STAGES), rule.name
        assert rule.phrases or rule.regex or rule.pairs or not rule.name.startswith("text:"), rule.name
        assert bool(rule.regex) == bool(rule.needs), rule.name
    for traits in known.traits.values():
        assert traits.scope in SCOPES
        assert {traits.advice_permanent, traits.advice_transient} <= set(ADVICE)


def test_no_key_stands_in_two_tables_of_codes() -> None:
    for table in ("precise", "general", "stages"):
        keys = [key for keys in load("codes.toml")[table].values() for key in keys]
        assert len(keys) == len(set(keys)), table


def test_every_phrase_is_found_by_its_index() -> None:
    known = tables()
    for number, rule in enumerate(known.rules):
        for pieces in rule.phrases:
            for before in ("", "x"):  # both positions of the stride
                assert number in known.phrases.owners(f" {before}{' '.join(pieces)} "), pieces
