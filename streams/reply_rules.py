"""The data behind the classifier, read once from `streams/data/*.toml`: classes, code tables and text rules."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple

from streams.phrase_index import PhraseIndex

MAX_TEXT = 4000
"""Characters of a reply that are looked at: longer ones only repeat themselves."""

NO_SCOPES: Mapping[str, str] = {}

SCOPES = ("address", "domain", "content", "source", "tenant", "receiver")
"""What a refusal speaks about: the mailbox, its domain, this content, our IP, the tenant's domain, or their server."""

ADVICE = {
    "retry": "try this message again later, as the retry schedule says",
    "slow_down": "try again, and lower the rate and the connections to this provider from this source",
    "suppress": "never mail this address again",
    "stop_source": "this source is blocked there: stop it at this provider and tell the operator",
    "fix": "something of ours must be mended first: authentication, content, configuration",
    "none": "give this message up; nothing follows for the address but a count",
}


_NEAR = 50
"""Characters before and behind a predicate in which its noun is looked for."""
_PREDICATES = 20
_SENTENCE = re.compile("[.;!?]")


class Traits(NamedTuple):
    """What follows from a class: see `[classes]` in codes.toml."""

    scope: str
    hard: bool
    final: bool
    advice_permanent: str
    advice_transient: str


class Pair(NamedTuple):
    """Nouns and predicates of which one each must stand together, in either order, in one sentence."""

    nouns: re.Pattern[str]
    predicates: re.Pattern[str]

    def near(self, words: str) -> bool:
        """Whether they do. Looks around the first predicates only: the text is a stranger's, and time has a bound."""
        for found in islice(self.predicates.finditer(words), _PREDICATES):
            before = _SENTENCE.split(words[max(0, found.start() - _NEAR) : found.start()])[-1]
            after = _SENTENCE.split(words[found.end() : found.end() + _NEAR])[0]
            if self.nouns.search(before) or self.nouns.search(after):
                return True
        return False


class Rule(NamedTuple):
    """One row of a table. `phrases` are tuples of pieces that must follow one another in the text.

    `needs`: pieces of which one must be there before a regex is worth a try.
    """

    name: str
    bounce_class: str
    phrases: tuple[tuple[str, ...], ...] = ()
    regex: tuple[re.Pattern[str], ...] = ()
    pairs: tuple[Pair, ...] = ()
    needs: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    permanent: bool | None = None
    scope: str = ""
    advice: str = ""

    def applies(self, stage: str, code: int, digit: int, enhanced: str) -> bool:
        """Whether the rule speaks of replies with these codes at this stage."""
        if self.stages and stage not in self.stages:
            return False
        return not self.codes or not {str(code), f"{digit}yz", enhanced}.isdisjoint(self.codes)

    def by_regex(self, words: str) -> bool:
        """Whether a pattern or a pair is in the tidy text."""
        return any(pair.near(words) for pair in self.pairs) or (
            any(piece in words for piece in self.needs) and any(r.search(words) for r in self.regex)
        )


class Tables(NamedTuple):
    """Everything, ready for use."""

    traits: dict[str, Traits]
    precise: dict[str, Rule]
    general: dict[str, Rule]
    codes: dict[str, Rule]
    rules: tuple[Rule, ...]
    phrases: PhraseIndex
    patterns: frozenset[int]
    unknown: Rule

    def matching(self, words: str) -> list[Rule]:
        """The rules of which a phrase or a pattern is in the tidy text, in order."""
        found = self.phrases.owners(words)
        return [r for n, r in enumerate(self.rules) if n in found or (n in self.patterns and r.by_regex(words))]


_CODES = re.compile(r"\b[245][0-5]\d[ -](?:[245]\.\d{1,2}\.\d{1,3}[ -])?|(?<![\d.])[245]\.\d{1,2}\.\d{1,3}[ -]")
"""Codes that a reply of several lines repeats in the middle of its sentences."""
# from the beginning of a word only, and without going back: the text is a stranger's
_ADDRESSES = re.compile(r"(?<![^\s<>()\[\]\"',;:])[^\s<>()\[\]\"',;:@]{1,255}+@[^\s<>()\[\]\"',;:]{1,255}")
"""An address may be called anything: policy@, spam@, user-unknown@."""
# "mx.spamfilter.example[192.0.2.1]": a name says nothing about the refusal
_HOSTS = re.compile(r"(?<![^\s(])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}+(?= ?\[[0-9a-f.:]{7,45}\])")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LETTERS = str.maketrans("\u0131\u0142\u00f8\u0111", "ilod")
"""What stays of dotless i, and of l, o and d with a stroke, which Unicode does not take apart."""


def tidy(text: str) -> str:
    """Lower case, no codes, no addresses, single spaces, one at both ends, so that a phrase may ask for whole words."""
    words = _CODES.sub("", unaccented(text[:MAX_TEXT].lower()))
    if "@" in words:
        words = _ADDRESSES.sub("", words)
    if "[" in words:
        words = _HOSTS.sub("", words)
    return f" {' '.join(words.split())} "


def unaccented(text: str) -> str:
    """Latin, Greek and Cyrillic letters without their accents: many servers write none, "boite pleine"."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text.translate(_LETTERS))))


def load(name: str) -> dict[str, Any]:
    """A TOML file of streams/data. Raises tomllib.TOMLDecodeError."""
    return tomllib.loads((files("streams") / "data" / name).read_text("utf-8"))


@cache
def tables() -> Tables:
    """The shipped tables. Raises KeyError or TypeError when a data file is broken, which the tests exclude."""
    codes = load("codes.toml")
    rules = tuple(_rule(fields) for fields in _in_order(load("replies.toml")["rule"], load("replies_languages.toml")))
    return Tables(
        traits={name: Traits(**fields) for name, fields in codes["classes"].items()},
        precise=_flat(codes["precise"], "code", codes["scopes"]),
        general=_flat(codes["general"], "code"),
        codes=_flat(codes["stages"], "stage"),
        rules=rules,
        phrases=PhraseIndex((pieces, number) for number, rule in enumerate(rules) for pieces in rule.phrases),
        patterns=frozenset(number for number, rule in enumerate(rules) if rule.regex or rule.pairs),
        unknown=Rule("unknown", "unknown"),
    )


def _flat(table: dict[str, list[str]], kind: str, scopes: Mapping[str, str] = NO_SCOPES) -> dict[str, Rule]:
    """class = [keys] -> key: rule."""
    return {key: Rule(f"{kind}:{key}", name, scope=scopes.get(key, "")) for name, keys in table.items() for key in keys}


def _in_order(rules: list[dict[str, Any]], abroad: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules in other languages stand in front of the one that their file names."""
    at = next(n for n, fields in enumerate(rules) if fields["name"] == abroad["before"])
    return [*rules[:at], *abroad["rule"], *rules[at:]]


def _pair(*lists: list[str]) -> Pair:
    return Pair(*(re.compile("|".join(re.escape(unaccented(word)) for word in words)) for words in lists))


def _rule(fields: dict[str, Any]) -> Rule:
    return Rule(
        name=f"text:{fields['name']}",
        bounce_class=fields["class"],
        phrases=tuple(tuple(unaccented(p.lower()).split("*")) for p in fields.get("phrases", ())),
        regex=tuple(re.compile(r) for r in fields.get("regex", ())),
        pairs=tuple(_pair(*pair) for pair in fields.get("pairs", ())),
        needs=tuple(fields.get("needs", ())),
        stages=tuple(fields.get("stages", ())),
        codes=tuple(fields.get("codes", ())),
        permanent=fields.get("permanent"),
        scope=fields.get("scope", ""),
        advice=fields.get("advice", ""),
    )


CLASSES = (
    "invalid_recipient",
    "invalid_domain",
    "inactive",
    "mailbox_full",
    "too_large",
    "content",
    "policy",
    "reputation",
    "authentication",
    "rate_limited",
    "greylisted",
    "network",
    "system",
    "protocol",
    "unknown",
)
"""Every class there is; codes.toml says what each entails, docs/classes.md how it maps to others' words."""
