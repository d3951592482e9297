"""What the mail looks like, by `streams/data/shapes.toml`: senders, subjects, sentences, where the original begins."""

import re
from functools import cache
from typing import NamedTuple

from streams.bounces.mail import Fields, Mail
from streams.reply_rules import load

_FLAGS = re.IGNORECASE | re.MULTILINE
_LOCAL = re.compile(r"([A-Za-z0-9._+=-]{1,64})(?:@|\s*$|>)")
_ANSWER = re.compile(r"\s*(?:re|aw|sv|antw|odp|ynt)\s*:", re.IGNORECASE)
_HEADER_LINE = re.compile(r"[>|]? ?([A-Za-z][A-Za-z0-9-]{1,40}):")
_MAIL_FIELDS = frozenset(
    {"received", "return-path", "message-id", "mime-version", "content-type", "from", "to", "date", "subject"}
    | {"x-mailer", "dkim-signature"}
)


class Shapes(NamedTuple):
    """The compiled data."""

    senders: tuple[str, ...]
    subjects: re.Pattern[str]
    failures: re.Pattern[str]
    originals: re.Pattern[str]
    autoreplies: re.Pattern[str]
    autoreply_headers: frozenset[str]
    challenges: re.Pattern[str]
    receipts: re.Pattern[str]
    delays: re.Pattern[str]
    finals: re.Pattern[str]


@cache
def shapes() -> Shapes:
    """The shipped shapes, compiled once."""
    data = load("shapes.toml")

    def any_of(name: str) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{p})" for p in data[name]), _FLAGS)

    return Shapes(
        tuple(data["senders"]),
        any_of("subjects"),
        any_of("failures"),
        any_of("originals"),
        any_of("autoreplies"),
        frozenset(data["autoreply_headers"]),
        any_of("challenges"),
        any_of("receipts"),
        any_of("delays"),
        any_of("finals"),
    )


def from_machine(mail: Mail) -> bool:
    """The null sender, or a From that only mail systems have."""
    return machine_fields(mail.head.fields)


def machine_fields(fields: Fields) -> bool:
    """The same of header fields."""
    values = {name: value for name, value in reversed(fields) if name in {"from", "return-path"}}
    if values.get("return-path", "").replace(" ", "") == "<>":
        return True
    names = [m[1].lower() for value in values.values() for m in _LOCAL.finditer(value[:500])]
    return any(name.startswith(sender) or name.endswith(sender) for name in names for sender in shapes().senders)


def is_bounce(mail: Mail, text: str) -> bool:
    """Whether a mail that is no report tells of a failure: two of sender, subject and sentences."""
    known = shapes()
    if mail.get("x-failed-recipients"):
        return True
    machine = from_machine(mail)
    if not machine and _ANSWER.match(mail.get("subject")):
        return False
    points = 2 * machine + 2 * bool(known.subjects.search(mail.get("subject")))
    points += mail.head.kind == "multipart/report"
    points += 2 * bool(known.failures.search(text[:20_000]))
    return points >= 4


def is_delay(mail: Mail, text: str) -> bool:
    """Whether a bounce that is no report only says that delivery takes longer."""
    words = f"{mail.get('subject')}\n{text[:8000]}"
    return bool(shapes().delays.search(words) and not shapes().finals.search(words))


def cut(text: str) -> tuple[str, str]:
    """Text for people, and the returned original behind it (empty when there is none)."""
    found = shapes().originals.search(text)
    marker = found.start() if found else len(text)
    block = _header_block(text)
    if block < marker and not shapes().failures.search(text[:block]) and shapes().failures.search(text[block:marker]):
        block = marker  # some servers print the header of their own mail before they come to the point
    if found and marker <= block:
        return text[:marker], text[found.end() if not found[0].lower().startswith("received") else marker :]
    return text[:block], text[block:]


def _header_block(text: str) -> int:
    """Where three lines in a row look like the header of a mail; the end when nowhere."""
    at = start = run = known = 0
    for line in text.split("\n"):
        name = _HEADER_LINE.match(line)
        if name:
            start = start if run else at
            run += 1
            known += name[1].lower() in _MAIL_FIELDS
            if run >= 3 and known >= 2:
                return start
        elif not (run and line[:1] in {" ", "\t"} and line.strip()):
            run = known = 0
        at += len(line) + 1
    return len(text)
