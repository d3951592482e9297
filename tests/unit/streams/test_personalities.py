"""The receiver's decisions, without a socket."""

import re

import pytest

from streams.personalities import (
    Behaviour,
    Facts,
    answer,
    banner,
    behaviour_of,
    mx_of,
    parse,
    provider_domains,
    provider_of,
    reply_bytes,
    shipped,
)

TABLE = shipped()
BIG = ("gmail", "microsoft", "yahoo", "apple", "gmx", "generic")
REPLY_LINE = re.compile(rb"[245]\d\d[ -][^\r\n]*\r\n")


def decided(address: str, stage: str, attempt: int = 1, default: str = "accept"):
    local, _, domain = address.rpartition("@")
    facts = Facts(address, "127.0.0.7", "ABC123", "mx.test")
    return answer(provider_of(TABLE, domain), behaviour_of(TABLE, local), stage, attempt, facts, default)


@pytest.mark.parametrize(
    ("address", "stage", "begins"),
    [
        ("unknown-a@gmail.test", "rcpt", b"550-5.1.1 The email account that you tried to reach does not exist"),
        ("unknown-a@outlook.test", "rcpt", b"550 5.5.0 Requested action not taken: mailbox unavailable"),
        ("unknown-a@yahoo.test", "rcpt", b"554 delivery error: dd This user doesn't have a yahoo.test account"),
        ("unknown-a@somewhere.test", "rcpt", b"550 5.1.1 <unknown-a@somewhere.test>: Recipient address rejected"),
        ("full-a@gmail.test", "rcpt", b"552-5.2.2 The recipient's inbox is out of storage space"),
        ("quota-a@gmail.test", "rcpt", b"452-4.2.2 The recipient's inbox is out of storage space"),
        ("greylist-a@outlook.test", "rcpt", b"451 4.7.1 "),
        ("always-defer-a@gmail.test", "rcpt", b"451 4.7.1 "),
        ("policy-a@yahoo.test", "end", b"554 5.7.9 Message not accepted for policy reasons."),
        ("policy-a@gmail.test", "end", b"552-5.7.0 This message was blocked because its content"),
        ("reputation-a@gmail.test", "end", b"550-5.7.1 [127.0.0.7] Gmail has detected"),
        ("reputation-a@outlook.test", "end", b"550 5.7.606 Access denied, banned sending IP [127.0.0.7]"),
        ("auth-a@outlook.test", "end", b"550 5.7.515 Access denied, sending domain outlook.test"),
        ("blocked-a@hotmail.test", "rcpt", b"550-5.7.1 Unfortunately, messages from [127.0.0.7] weren't sent."),
        ("no-enhanced-a@gmail.test", "rcpt", b"550 User unknown"),
    ],
)
def test_refusals_are_in_the_providers_own_words(address: str, stage: str, begins: bytes) -> None:
    answered = decided(address, stage)
    assert answered.reply.startswith(begins)
    assert not answered.accepted
    assert not answered.close


@pytest.mark.parametrize("address", ["rate-a@gmail.test", "rate-a@yahoo.test", "rate-a@outlook.test"])
def test_c8_59_rate_replies_are_421_and_close_the_connection(address: str) -> None:
    answered = decided(address, "rcpt")
    assert answered.reply.startswith(b"421")
    assert answered.close


@pytest.mark.parametrize(
    ("local", "stage", "tries"),
    [
        ("greylist-a", "rcpt", 1),
        ("greylist-long-a", "rcpt", 3),
        ("quota-a", "rcpt", 2),
        ("busy-a", "rcpt", 1),
        ("rate-a", "rcpt", 1),
        ("rate-data-a", "end", 1),
        ("drop-after-dot-a", "end", 1),
    ],
)
def test_temporary_failures_end(local: str, stage: str, tries: int) -> None:
    default = "rcpt" if stage == "rcpt" else "accept"
    results = [decided(f"{local}@gmail.test", stage, attempt, default).accepted for attempt in range(1, tries + 2)]
    assert results == [False] * tries + [True]


@pytest.mark.parametrize(
    ("local", "stage"), [("always-defer-a", "rcpt"), ("always-rate-a", "rcpt"), ("always-drop-a", "end")]
)
def test_permanent_deferrals_never_end(local: str, stage: str) -> None:
    assert not any(decided(f"{local}@gmail.test", stage, attempt).accepted for attempt in (1, 2, 10, 1000))


def test_drops_have_no_reply() -> None:
    for local, stage in (("drop-before-data-a", "data"), ("drop-in-data-a", "body"), ("drop-after-dot-a", "end")):
        assert decided(f"{local}@gmail.test", stage)[:2] == (b"", False)
        assert decided(f"{local}@gmail.test", stage).close
        assert decided(f"{local}@gmail.test", stage, attempt=2).reply.startswith(b"250")
    assert decided("lost-reply-a@gmail.test", "end")[:2] == (b"", True)


def test_slow_accepts_after_a_while() -> None:
    answered = decided("slow-a@gmail.test", "end")
    assert answered.accepted
    assert answered.seconds == TABLE.behaviours["slow"].seconds > 0
    assert decided("slow-a@gmail.test", "rcpt").seconds == 0


def test_c1_5_multiline_and_split_replies() -> None:
    lines = decided("multiline-a@gmail.test", "end").reply.split(b"\r\n")[:-1]
    assert len(lines) == 3
    assert [line[:10] for line in lines] == [b"250-2.0.0 ", b"250-2.0.0 ", b"250 2.0.0 "]
    assert decided("split-a@gmail.test", "rcpt", default="rcpt").split
    assert not decided("a@gmail.test", "rcpt", default="rcpt").split


@pytest.mark.parametrize("provider", BIG)
@pytest.mark.parametrize("key", sorted(TABLE.providers["generic"].texts))
def test_every_text_is_a_valid_reply(provider: str, key: str) -> None:
    reply = answer(TABLE.providers[provider], Behaviour("x", "rcpt", key), "rcpt", 1, Facts("a@b.test")).reply
    lines = reply.splitlines(keepends=True)
    assert all(REPLY_LINE.fullmatch(line) for line in lines), reply
    assert len({line[:3] for line in lines}) == 1
    assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]
    assert b"{" not in reply


@pytest.mark.parametrize("enhanced", ["7.23", "7.26", "7.27", "7.28", "7.30", "7.32", "7.40"])
def test_c9_70_gmail_codes_can_be_asked_for(enhanced: str) -> None:
    number = enhanced.replace(".", "-")
    deferral = decided(f"say-421-4-{number}-a@gmail.test", "rcpt")
    refusal = decided(f"say-550-5-{number}-a@gmail.test", "rcpt")
    assert deferral.reply.startswith(f"421 4.{enhanced} ".encode())
    assert deferral.close
    assert refusal.reply.startswith(f"550 5.{enhanced} ".encode())
    assert not refusal.close
    assert b"Said as asked" not in deferral.reply + refusal.reply


def test_any_code_can_be_asked_for_anywhere() -> None:
    assert decided("say-554-5-6-0-x@somewhere.test", "rcpt").reply.startswith(b"554 5.6.0 Said as asked.")


@pytest.mark.parametrize("local", ["anna", "unknownname", "greylist", "say-999-1-1-1-a", "x-unknown-a"])
def test_ordinary_mailboxes_accept(local: str) -> None:
    assert behaviour_of(TABLE, local) is None
    assert decided(f"{local}@gmail.test", "end").accepted


def test_prefixes_ignore_case_and_prefer_the_longest() -> None:
    assert behaviour_of(TABLE, "Greylist-Long-A") == TABLE.behaviours["greylist-long"]
    assert behaviour_of(TABLE, "drop-after-dot-1") == TABLE.behaviours["drop-after-dot"]


def test_rcpt_with_format_signs_is_quoted_as_it_is() -> None:
    assert b"<unknown-{ip}@x.test>" in decided("unknown-{ip}@x.test", "rcpt").reply


def test_banners() -> None:
    assert banner(TABLE.providers["gmail"], Facts()).startswith(b"220 mx.google.test ESMTP")
    assert banner(TABLE.providers["overloaded"], Facts(host="h"))[:3] == b"421"


def test_demo_domains_are_reserved_names_and_shares_sum_to_100() -> None:
    domains = provider_domains()
    assert all(d.domain.endswith((".test", ".example")) for d in domains)
    assert all(name.endswith((".test", ".example")) for d in domains for name in d.mx)
    assert sum(d.share for d in domains) == pytest.approx(100)
    gmail = sum(d.share for d in domains if d.provider == "gmail")
    assert gmail == pytest.approx(66, abs=1)  # two thirds at one provider
    assert len({d.domain for d in domains}) == len(domains)


def test_hosted_domains_share_an_mx_or_have_their_own() -> None:
    gmail, microsoft = TABLE.providers["gmail"], TABLE.providers["microsoft"]
    assert mx_of(gmail, "oak-dental.test") == gmail.mx
    assert mx_of(microsoft, "brass-lantern.test") == ("brass-lantern-test.mail.protection.outlook.test",)
    assert mx_of(microsoft, "outlook.test") == microsoft.mx


def test_addresses_are_loopback_and_distinct() -> None:
    addresses = [p.address for p in TABLE.providers.values()]
    assert all(a.startswith("127.") for a in addresses)
    assert len(set(addresses)) == len(addresses)


GENERIC = (
    '[providers.generic]\naddress="127.0.0.1"\ndomains=[]\nmx=["m.test"]\n[providers.generic.texts]\naccept="250 ok"\n'
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[behaviours]\na = { stage = "never" }\n', "behaviour a: unknown stage 'never'"),
        ('[behaviours]\na = { stage = "rcpt", text = "nothing" }\n', "behaviour a: unknown text 'nothing'"),
        ('[behaviours]\na = { stage = "rcpt", colour = "red" }\n', "behaviour a: .*colour"),
        ('[behaviours]\n[providers.p]\naddress="a"\ndomains=[]\nmx=[]\ncolour=1\n', "provider p: .*colour"),
        (
            '[behaviours]\n[providers.p]\naddress="a"\ndomains=[]\nmx=[]\n[providers.p.texts]\nx="y"\n',
            "unknown text 'x'",
        ),
    ],
)
def test_a_wrong_table_is_an_error_that_says_where(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(GENERIC + text)


def test_a_text_without_a_code_is_an_error() -> None:
    with pytest.raises(ValueError, match="reply without a code"):
        reply_bytes("hello")
