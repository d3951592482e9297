"""What the test receiver answers: a table of providers with their own words, and behaviours by local part.

Everything is decided here from data/personalities.toml and the facts of a transaction; agents/receiver only obeys.
The conventions are described in docs/receiver.md.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

STAGES = ("rcpt", "data", "body", "end", "all")
GENERIC = "generic"
KEYWORDS = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8", "CHUNKING")
SIZE = 36_700_160
"""Bytes of a message that a provider takes when its table says nothing (35 MiB, as Gmail does)."""


class Behaviour(NamedTuple):
    """What an address does to a transaction.

    `stage` is where it acts, `text` the key of the provider's words (empty: no reply), `attempts` how many first
    attempts it acts on (0: every one), `seconds` the wait before the answer, `then` what follows: "" | close (after
    the reply) | drop (no reply) | record-drop (the mail is kept, no reply), `form` plain | multiline | split.
    """

    name: str
    stage: str
    text: str = ""
    attempts: int = 0
    seconds: float = 0.0
    then: str = ""
    form: str = "plain"

    def acts(self, stage: str, attempt: int) -> bool:
        """True when this stage of this attempt (counted from 1) is answered by the behaviour."""
        return self.stage == stage and (self.attempts == 0 or attempt <= self.attempts)


class Provider(NamedTuple):
    """A mailbox provider: its domains, where it listens, its words, and what its EHLO offers."""

    name: str
    address: str
    domains: tuple[str, ...]
    mx: tuple[str, ...]
    texts: Mapping[str, str]
    codes: Mapping[str, str]
    hosted: tuple[str, ...] = ()
    own_mx: str = ""
    share: int = 0
    keywords: tuple[str, ...] = KEYWORDS
    size: int = SIZE
    ehlo: bool = True
    eager_354: bool = False


class Facts(NamedTuple):
    """What a reply may quote: recipient, client address, a queue id and the server's name."""

    rcpt: str = ""
    ip: str = "127.0.0.1"
    id: str = "0"
    host: str = "mx.generic.test"


class Answer(NamedTuple):
    """The decision: bytes to send (empty: none), after how many seconds, and what follows.

    `accepted` tells whether the recipient (at rcpt) or the message (at end) is taken.
    """

    reply: bytes
    accepted: bool
    seconds: float = 0.0
    close: bool = False
    split: bool = False


class ProviderDomain(NamedTuple):
    """One demo domain: its provider, its MX host names in order of preference, and its share of traffic (percent)."""

    domain: str
    provider: str
    mx: tuple[str, ...]
    share: float


class Personalities(NamedTuple):
    """The whole table; `by_domain` finds a provider, `prefixes` a behaviour."""

    providers: Mapping[str, Provider]
    behaviours: Mapping[str, Behaviour]
    by_domain: Mapping[str, Provider]
    prefixes: re.Pattern[str]


def parse(text: str) -> Personalities:
    """The table from its TOML text. Raises ValueError for broken TOML, unknown keys, stages or text keys."""
    data = tomllib.loads(text)
    generic = data["providers"][GENERIC]["texts"]
    providers = {name: _provider(name, fields, generic) for name, fields in data["providers"].items()}
    behaviours = {name: _behaviour(name, fields, generic) for name, fields in data["behaviours"].items()}
    by_domain = {d: p for p in providers.values() for d in (*p.domains, *p.hosted)}
    longest_first = sorted(behaviours, key=len, reverse=True)
    return Personalities(providers, behaviours, by_domain, re.compile(rf"({'|'.join(map(re.escape, longest_first))})-"))


def _provider(name: str, fields: dict[str, Any], generic: Mapping[str, str]) -> Provider:
    values: dict[str, Any] = {k.replace("-", "_"): tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    own = {key: text.strip("\n") for key, text in fields.get("texts", {}).items()}
    if unknown := own.keys() - generic.keys():
        raise ValueError(f"provider {name}: unknown text {min(unknown)!r}")
    try:
        return Provider(**(values | {"name": name, "texts": {**generic, **own}, "codes": fields.get("codes", {})}))
    except TypeError as e:
        raise ValueError(f"provider {name}: {e}") from e


def _behaviour(name: str, fields: dict[str, Any], texts: Mapping[str, str]) -> Behaviour:
    try:
        behaviour = Behaviour(name, **fields)
    except TypeError as e:
        raise ValueError(f"behaviour {name}: {e}") from e
    if behaviour.stage not in STAGES:
        raise ValueError(f"behaviour {name}: unknown stage {behaviour.stage!r}")
    if behaviour.text and behaviour.text not in texts:
        raise ValueError(f"behaviour {name}: unknown text {behaviour.text!r}")
    return behaviour


@cache
def shipped() -> Personalities:
    """The table that ships with streampost."""
    return parse(files("streams").joinpath("data", "personalities.toml").read_text("utf-8"))


def provider_of(table: Personalities, domain: str) -> Provider:
    """The provider that serves a recipient domain (lower-case A-label); the generic one for any other."""
    return table.by_domain.get(domain) or table.providers[GENERIC]


_SAY = re.compile(r"say-([245]\d\d)-([245])-(\d{1,3})-(\d{1,3})-")


def behaviour_of(table: Personalities, local: str) -> Behaviour | None:
    """The behaviour that a local part asks for, or None for an ordinary mailbox."""
    local = local.lower()
    if found := table.prefixes.match(local):
        return table.behaviours[found[1]]
    if said := _SAY.match(local):
        code, *enhanced = said.groups()
        return Behaviour("say", "rcpt", f"={code} {'.'.join(enhanced)}", then="close" if code == "421" else "")
    return None


def answer(
    provider: Provider, behaviour: Behaviour | None, stage: str, attempt: int, facts: Facts, default: str = "accept"
) -> Answer:
    """The answer of one stage. `default` is the provider's text when the behaviour does not act here."""
    if behaviour is None:
        return Answer(_reply(provider, default, facts), True)
    acting = behaviour.acts(stage, attempt)
    split = behaviour.form == "split"
    if acting and behaviour.then in ("drop", "record-drop"):
        return Answer(b"", behaviour.then == "record-drop", behaviour.seconds, close=True)
    reply = _reply(provider, behaviour.text if acting else default, facts, behaviour.form == "multiline")
    accepted = reply[:1] in (b"2", b"3")
    if not acting:
        return Answer(reply, accepted, split=split)
    return Answer(reply, accepted, behaviour.seconds, behaviour.then == "close", split)


def _reply(provider: Provider, key: str, facts: Facts, multiline: bool = False) -> bytes:
    text = _said(provider, key[1:]) if key.startswith("=") else provider.texts[key]
    local, _, domain = facts.rcpt.rpartition("@")
    filled = text.format(local=local, domain=domain, long="x" * 2000, **facts._asdict())
    return reply_bytes(filled, multiline)


def _said(provider: Provider, codes: str) -> str:
    enhanced = codes.partition(" ")[2]
    return f"{codes} {provider.codes.get(enhanced, 'Said as asked. {id}')}"


_CODE = re.compile(r"(\d{3}) (?:([245]\.\d{1,3}\.\d{1,3}) )?")


def reply_bytes(text: str, multiline: bool = False) -> bytes:
    """Text with its codes -> wire lines: the codes repeated on every line, `-` on all but the last (RFC 5321 4.2.1).

    With `multiline` two more lines go before it, as chatty servers do.
    """
    found = _CODE.match(text)
    if found is None:
        raise ValueError(f"reply without a code: {text[:60]!r}")
    if not multiline and "\n" not in text:
        return f"{text}\r\n".encode()
    code, enhanced = found[1], f"{found[2]} " if found[2] else ""
    lines = text[found.end() :].split("\n")
    if multiline:
        lines = ["This server likes to talk", "", *lines]
    marks = ["-"] * (len(lines) - 1) + [" "]
    wire = "".join(f"{code}{mark}{enhanced}{line}\r\n" for mark, line in zip(marks, lines, strict=True))
    return wire.encode("utf-8")


def banner(provider: Provider, facts: Facts) -> bytes:
    """The greeting; a 4yz or 5yz greeting means that the server takes no mail (RFC 5321 section 3.1)."""
    return _reply(provider, "banner", facts)


def mx_of(provider: Provider, domain: str) -> tuple[str, ...]:
    """MX host names of a domain of this provider, best first."""
    if provider.own_mx and domain in provider.hosted:
        return (f"{domain.replace('.', '-')}.{provider.own_mx}",)
    return provider.mx


def provider_domains(table: Personalities | None = None) -> tuple[ProviderDomain, ...]:
    """The demo's recipient domains, for a generator of requests. Shares sum to 100; hosted domains get a tenth."""
    table = shipped() if table is None else table
    total = sum(p.share for p in table.providers.values())
    return tuple(
        ProviderDomain(domain, p.name, mx_of(p, domain), 100 * part / total)
        for p in table.providers.values()
        if p.share
        for domain, part in _parts(p)
    )


def _parts(provider: Provider) -> list[tuple[str, float]]:
    hosted = provider.share / 10 if provider.hosted else 0.0
    weights = [8.0**-i for i in range(len(provider.domains))]
    own = [(d, (provider.share - hosted) * w / sum(weights)) for d, w in zip(provider.domains, weights, strict=True)]
    return own + [(d, hosted / len(provider.hosted)) for d in provider.hosted]
