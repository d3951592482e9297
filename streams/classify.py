"""What a refusal means: stage, reply code, enhanced status code and text -> Verdict. Pure; for SMTP replies and DSNs.

Layers, the first that knows wins: enhanced codes that are precise, text rules (`data/replies.toml`, and
`data/replies_languages.toml` for other languages), the rest of the enhanced code table, then reply code and stage
(`data/codes.toml`). Text goes before the general codes because servers say 5.1.1 or 5.7.1 for almost anything, while
their words are meant for a person.
"""

from functools import lru_cache
from typing import NamedTuple

from streams.reply_rules import ADVICE, CLASSES, SCOPES, Rule, Tables, tables, tidy

__all__ = ["ADVICE", "CLASSES", "SCOPES", "STAGES", "Verdict", "classify"]

STAGES = ("connect", "greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dsn")
"""Where a reply came: SMTP commands in order, `body` for the reply to the final dot, `dsn` for a returned mail."""


class Verdict(NamedTuple):
    """The answer.

    bounce_class: one of CLASSES; hard: the recipient itself is dead, stop mailing it; scope: one of SCOPES, what the
    refusal speaks about; permanent: do not try this message again; advice: one of ADVICE; rule: what decided, for logs.
    """

    bounce_class: str
    hard: bool
    scope: str
    permanent: bool
    advice: str
    rule: str


_WORDS = ("text:unknown-user", "text:recipient-rejected", "text:invalid")
"""Rules that only look for words that many kinds of refusals may have; the others know who speaks."""

ACCEPTED = Verdict("unknown", False, "receiver", False, "none", "accepted")
"""For 2yz and 3yz: nothing was refused."""


@lru_cache(maxsize=8192)
def classify(stage: str, code: int, enhanced: str, text: str) -> Verdict:
    """Classify one refusal. `code` 0 and `enhanced` "" mean unknown; `text` is the reply without its codes, or with."""
    if 200 <= code < 400 or (not code and enhanced.startswith("2")):
        return ACCEPTED
    known = tables()
    digit = code // 100 if code >= 400 else int(enhanced[0]) if enhanced[:1] in {"4", "5"} else 0
    rule = _precise(known, enhanced) or _by_text(known, stage, code, digit, enhanced, text) or _general(known, enhanced)
    verdict = _verdict(known, rule or _by_stage(known, stage, code), digit)
    return _spared(verdict) if verdict.hard and _doubtful(stage, code, enhanced, verdict) else verdict


def _doubtful(stage: str, code: int, enhanced: str, verdict: Verdict) -> bool:
    """Words that say "unknown user" while the rest of the reply contradicts them, or does not bear them out.

    After the data the server has already accepted that recipient (RFC 5321 section 3.3), so a filter speaks, unless
    it insists with 5.1.x. Elsewhere an enhanced code about another subject says that the address is not at fault.
    """
    if not verdict.rule.startswith(_WORDS):
        return False
    subject = enhanced[2:].partition(".")[0]
    if stage in {"data", "body"}:
        return subject != "1"
    if stage != "dsn":
        return False
    # RFC 5321 section 4.2.3 has 550 and "mailbox unavailable" for refusals of any kind and at any stage: a returned
    # mail that quotes such a reply, but neither the command that it answered nor 5.1.x, has not said that it was RCPT
    bare = code or verdict.rule.endswith("-perhaps")
    return subject not in ({"1"} if bare else {"", "0", "1", "5"})


def _spared(verdict: Verdict) -> Verdict:
    return verdict._replace(hard=False, advice="none")


def _precise(known: Tables, enhanced: str) -> Rule | None:
    return known.precise.get(enhanced) or known.precise.get(enhanced[2:])


def _by_text(known: Tables, stage: str, code: int, digit: int, enhanced: str, text: str) -> Rule | None:
    matching = known.matching(tidy(text))
    return next((rule for rule in matching if rule.applies(stage, code, digit, enhanced)), None)


def _general(known: Tables, enhanced: str) -> Rule | None:
    """The enhanced code itself, else its subject (RFC 3463 section 3.1)."""
    return known.general.get(enhanced[2:]) or known.general.get(enhanced[2:4] + "*")


def _by_stage(known: Tables, stage: str, code: int) -> Rule:
    return known.codes.get(f"{stage} {code}") or known.codes.get(str(code)) or known.codes.get(stage) or known.unknown


def _verdict(known: Tables, rule: Rule, digit: int) -> Verdict:
    traits = known.traits[rule.bounce_class]
    # C8.58: 5yz is final and 4yz is not, save for the rules that say so; without any code the class decides
    permanent = digit == 5 if digit else traits.final
    if rule.permanent is not None:
        permanent = rule.permanent
    advice = rule.advice or (traits.advice_permanent if permanent else traits.advice_transient)
    return Verdict(
        rule.bounce_class, permanent and traits.hard, rule.scope or traits.scope, permanent, advice, rule.name
    )
