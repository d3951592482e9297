"""Who the listener knows."""

from importlib.resources import files
from pathlib import Path

import pytest

from streams.config import Config, read
from streams.inbound.mailboxes import Kind, Mailboxes, Unknown, look_up, mailboxes

FOLDER = Path(__file__).parents[4] / "config"
TOKEN = "apzu46uabmol5gi2crxrwossluge6lu5kmgg6hs3riiqrdgrropv572k"


def config(pools: str) -> Config:
    texts = {name: (FOLDER / name).read_text() for name in ("tenants.toml", "lanes.toml")}
    shipped = [
        files("streams").joinpath("data", name).read_text("utf-8") for name in ("providers.toml", "shaping.toml")
    ]
    return read({**texts, "pools.toml": pools}, *shipped)


@pytest.fixture(scope="module")
def known() -> Mailboxes:
    pools = (
        (FOLDER / "pools.toml")
        .read_text()
        .replace('tls = "starttls"', 'tls = "starttls", return_path = "me@relay.example"', 1)
    )
    return mailboxes(config(pools), ("Fbl@feedback.example",))


@pytest.mark.parametrize(
    ("recipient", "kind"),
    [
        (f"b-{TOKEN}@bounce.shop.example", Kind.RETURN_PATH),
        (f"B-{TOKEN.upper()}@BOUNCE.Letter.Example", Kind.RETURN_PATH),
        (f"b+{TOKEN}@bounce.shop.example", Kind.RETURN_PATH),
        (f"me+{TOKEN}@relay.example", Kind.RETURN_PATH),
        ("fbl@feedback.example", Kind.FEEDBACK),
        ("FBL+yahoo@FEEDBACK.example", Kind.FEEDBACK),
        ("unsubscribe@letter.example", Kind.UNSUBSCRIBE),
        ("Unsubscribe+7@letter.example", Kind.UNSUBSCRIBE),
        ("postmaster", Kind.POSTMASTER),
        ("PostMaster@feedback.example", Kind.POSTMASTER),
        ("postmaster@bounce.market.example", Kind.POSTMASTER),
    ],
)
def test_ours(known: Mailboxes, recipient: str, kind: Kind) -> None:
    assert look_up(recipient, known) is kind


@pytest.mark.parametrize(
    ("recipient", "why"),
    [
        (f"b-{TOKEN}@elsewhere.example", Unknown.ELSEWHERE),
        (f"b-{TOKEN}@sub.bounce.shop.example", Unknown.ELSEWHERE),
        ("ann@gmail.com", Unknown.ELSEWHERE),
        ("postmaster@gmail.com", Unknown.ELSEWHERE),
        ("@bounce.shop.example:ann@gmail.com", Unknown.SYNTAX),
        ("ann%gmail.com@bounce.shop.example", Unknown.NO_MAILBOX),  # the percent hack of old relays
        ("ann!gmail.com@bounce.shop.example", Unknown.NO_MAILBOX),
        ('"ann@gmail.com"@bounce.shop.example', Unknown.NO_MAILBOX),
        (f"b-{TOKEN}@letter.example", Unknown.NO_MAILBOX),  # no return path domain
        (f"you+{TOKEN}@relay.example", Unknown.NO_MAILBOX),
        ("me@relay.example", Unknown.NO_MAILBOX),
        (f"b-{TOKEN[:-1]}@bounce.shop.example", Unknown.NO_MAILBOX),
        ("b-0b9f5c7e8a374d0e9a532f8f1c0b7d11@bounce.shop.example", Unknown.NO_MAILBOX),
        ("fblx@feedback.example", Unknown.NO_MAILBOX),
        ("abuse", Unknown.SYNTAX),
        ("ann@[127.0.0.1]", Unknown.SYNTAX),
        ("ann@bounce..example", Unknown.SYNTAX),
    ],
)
def test_c7_50_everybody_else_is_refused(known: Mailboxes, recipient: str, why: Unknown) -> None:
    assert look_up(recipient, known) is why
