"""The tables behind the classifier: what of a text is compared, and how the rules are put in order."""

import pytest

from streams.reply_rules import load, tables, tidy, unaccented


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550-5.1.1 No such\r\n550 5.1.1 USER", " no such user "),
        ("<spam@policy.example>: unknown", " <>: unknown "),
        ("host mx.spamfilter.example[192.0.2.4] said: no", " host [192.0.2.4] said: no "),
        ("host mx.virus.example [2001:db8::1] said: no", " host [2001:db8::1] said: no "),
        ("listed at zen.spamhaus.org", " listed at zen.spamhaus.org "),
        ("Boîte PLEINE", " boite pleine "),
    ],
)
def test_tidy(text: str, expected: str) -> None:
    assert tidy(text) == expected


def test_only_the_accents_of_alphabets_go() -> None:
    assert unaccented("empfänger, żółć, ёжик") == "empfanger, zolc, ежик"
    assert unaccented("ガギグ 사용자 收件人") == "ガギグ 사용자 收件人"


def test_rules_in_other_languages_stand_before_the_one_that_their_file_names() -> None:
    abroad = load("replies_languages.toml")
    names = [rule.name for rule in tables().rules]
    at = names.index(f"text:{abroad['before']}")
    assert names[at - len(abroad["rule"]) : at] == [f"text:{rule['name']}" for rule in abroad["rule"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Benutzer ist unbekannt", True),
        ("unbekannter Benutzer", True),
        ("Benutzer. Der Grund ist unbekannt", False),
        (f"Benutzer {'x' * 60} unbekannt", False),
        ("Fehler unbekannt", False),
    ],
)
def test_a_pair_stands_together_in_one_sentence(text: str, fits: bool) -> None:
    names = {rule.name for rule in tables().matching(tidy(text))}
    assert ("text:unknown-user-abroad" in names) is fits


@pytest.mark.parametrize(
    "text",
    [
        "Please reduce your speed",  # "uce " is a word for spam, inside of "reduce" it is not
        "host mx.antispam.example[192.0.2.4] said: 550 no such user",
        "recipient's mailbox is unavailable",  # "pien" is Italian for full
        "unable to accept mail for storage",  # "for stor" is Swedish for too large
        "challenge to the mailbox",
        "the sender address of this mail is invalid",
    ],
)
def test_words_inside_of_other_words_do_not_count(text: str) -> None:
    wrong = {"text:spam", "text:mailbox-full-abroad", "text:too-large-abroad", "text:unknown-user-abroad"}
    assert not wrong & {rule.name for rule in tables().matching(tidy(text))}
