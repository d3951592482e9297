"""The words of a failure -> Recipient: finds reply code and enhanced code in them and asks the classifier."""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from streams.bounces.inspection import MAX_DIAGNOSTIC, Recipient
from streams.classify import Verdict, classify
from streams.reply_rules import MAX_TEXT, load, tidy

# RFC 3463 codes, not parts of addresses or versions: "#5.1.1", "5.1.1=", "(5.7.1)"
_ENHANCED = re.compile(r"(?<![\d.@/-])([245])\.(\d{1,2})\.(\d{1,3})(?![\d@]|\.\d|-\d)")
# a reply code stands at the start of a line or after punctuation, and something follows it
_CODE = re.compile(
    r"(?:^|[\n:;,\[({<>\"'=]|\b(?:said|error|code|reason|smtp|response|status|reply|returned|dsn|msg|message|was|with))"
    r"[\s:=(#\"'\[<]{0,6}([245][0-5][0-9])(?=[\s:;,.)\]\"'-]|\Z)(?![.:]\d)(?!\s*(?:byte|octet|kb|mb|second|minute|hour|day))",
    re.IGNORECASE,
)
_STAGES = {
    "rcpt": re.compile(
        r"reply to RCPT|\[RCPT_TO\]|SMTP:RCPT|\(RCPT(?: TO)?\)|after RCPT|our RCPT|RCPT TO:|>>> ?RCPT"
        r"|to RCPT TO|for RCPT|rejected address|does not like recipient",
        re.IGNORECASE,
    ),
    "body": re.compile(
        r"reply to (?:end of )?DATA|\[DATA\]|\(DATA\)|after (?:end of )?DATA|our (?:final )?DATA|>>> ?(?:DATA|\.$)"
        r"|end of data|for TEXT command|for DATA command|failed after I sent the message",
        re.IGNORECASE | re.MULTILINE,
    ),
}
# IronPort: 5.1.0 - Unknown address error 550-'5.7.1 ... denied' (delivery attempts: 0)
_SUMMARY = re.compile(r"\s*([245]\.\d\.\d{1,3}) - [^'\n]{1,80}? ([245]\d\d)[- ]'([\s\S]{1,3000})'")
_MAX_SHOWN = 20 * MAX_DIAGNOSTIC
"""Characters in which the diagnostic is looked for: the rest is white space, or would be cut anyway."""
_ACTIONS = ("failed", "delayed")


def first_code(text: str) -> int | None:
    """Where the first refusing reply code or enhanced code stands."""
    spots = [m.start(1) for m in _CODE.finditer(text) if m[1][0] != "2"][:1]
    spots += [m.start() for m in _ENHANCED.finditer(text) if m[1] != "2"][:1]
    return min(spots, default=None)


class Finding(NamedTuple):
    """What was found in a text: code 0 and enhanced "" when it has none."""

    code: int
    enhanced: str
    verdict: Verdict


def codes(text: str) -> tuple[int, str]:
    """The first reply code that refuses, and the enhanced code that agrees with it."""
    code = next((int(m[1]) for m in _CODE.finditer(text) if m[1][0] != "2"), 0)
    found = [m[0] for m in _ENHANCED.finditer(text)]
    digit = str(code)[0] if code else ""
    agreeing = [e for e in found if e[0] == digit] if code else [e for e in found if e[0] != "2"] or found
    # a general "5.0.0" beside a precise code is the gateway's, not the receiver's
    return code, next((e for e in agreeing if not e.endswith(".0.0")), agreeing[0] if agreeing else "")


def _quoted(text: str) -> str:
    """What the other server said, when the sender's own summary stands before it."""
    found = _SUMMARY.match(text)
    if not found:
        return text
    own = found[3] if _ENHANCED.search(found[3]) else f"{found[1]} {found[3]}"
    return f"{found[2]} {own}"


def find(text: str, status: str = "", more: str = "") -> Finding:
    """Codes and verdict of a diagnostic. `status`: the DSN's field; `more`: asked when the diagnostic says nothing."""
    text = _quoted(text)
    code, enhanced = codes(text)
    if status and (not enhanced or (enhanced.endswith(".0.0") and code and status[0] == str(code)[0])):
        enhanced = status
    if code and enhanced and str(code)[0] != enhanced[0]:
        code = 0  # the sending server says otherwise (soft_bounce, or it gave up): its word is what was done
    where = stage(text[:MAX_TEXT])
    if where == "dsn" and more:
        where = stage(more[:MAX_TEXT])
    verdict = classify(where, code, enhanced, text[:MAX_TEXT])
    if more and _vague(verdict, enhanced):
        other = classify("dsn", code, enhanced, more[:MAX_TEXT])
        verdict = other if other.rule.startswith("text:") else verdict
    return Finding(code, enhanced, verdict)


@lru_cache(maxsize=16)  # a report of many recipients asks for its text again and again
def stage(text: str) -> str:
    """Which command was refused, when the text says so; else dsn."""
    for name, pattern in _STAGES.items():
        if pattern.search(text):
            return name
    return "dsn"


def _vague(verdict: Verdict, enhanced: str) -> bool:
    """Decided by a code alone, and one that servers give to anything."""
    return not verdict.rule.startswith("text:") and (enhanced.endswith(".0") or enhanced[2:3] in {"", "5", "7"})


def recipient(address: str, text: str, *, action: str = "failed", status: str = "", more: str = "") -> Recipient:
    """The finished record of one failed or delayed recipient."""
    finding = find(text, status, more)
    # not by a regular expression: "spaces around a line end" takes quadratic time on spaces without one
    shown = " ".join(line.strip(" \t") for line in text[:_MAX_SHOWN].split("\n")).strip()[:MAX_DIAGNOSTIC]
    if action not in _ACTIONS:
        return Recipient(address, action, finding.enhanced or status, _code(finding.code), "", False, shown)
    verdict = finding.verdict
    return Recipient(
        address=address,
        action=action,
        status=finding.enhanced or _inferred(finding, action, f"{text}\n{more}"),
        reply_code=_code(finding.code),
        bounce_class=verdict.bounce_class,
        hard=action == "failed" and (verdict.hard or _given_up(finding)),  # C7.52: only failed counts
        diagnostic=shown,
    )


def _given_up(finding: Finding) -> bool:
    """The mailbox was unknown in words and in 4.1.1 until the sending server gave up: soft refusals, hard failure."""
    return finding.enhanced == "4.1.1" and finding.verdict.rule == "text:unknown-user"


def _code(code: int) -> str:
    return str(code) if code else ""


def _inferred(finding: Finding, action: str, text: str) -> str:
    if finding.code:
        return f"{finding.code // 100}.0.0"
    return "4.0.0" if action == "delayed" or temporary(text) else "5.0.0"


def temporary(text: str) -> bool:
    """The words say that it was a temporary failure, though the sender gave up."""
    words = tidy(text)
    return any(phrase in words for phrase in _temporary())


@cache
def _temporary() -> tuple[str, ...]:
    return tuple(load("shapes.toml")["temporary"])
