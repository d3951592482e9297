"""Addresses in the text of a bounce that is no report, each with the lines that speak of it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

MAX_ADDRESSES = 100

_ATEXT = r"-A-Za-z0-9!#$%&'*+/=?^_`{|}~."
_ADDRESS = re.compile(
    rf"(?<![{_ATEXT}@])([{_ATEXT}]{{1,64}}|\"[^\"\n@]{{1,62}}\")@([A-Za-z0-9](?:[A-Za-z0-9.-]{{0,253}}[A-Za-z0-9])?|\[[0-9.]{{7,15}}\])"
)
# a line that is about an address: nothing before it but bullets, or words that introduce a recipient
_LEAD = re.compile(
    r"(?:[\s<(\[*>\"'`#|=-]|[•·‣]|\d{1,3}[.)])*(?:[45]\d\d[ -](?:[45]\.\d{1,2}\.\d{1,3} )?\s*)?"
    r"(?:(?:final-|original-|failed |invalid )?(?:recipient|rcpt|address|user|mailbox|e-?mail|to)s?"
    r"(?: ?address)?(?: to)?\s?[:=]\s*(?:rfc822;)?)?[\s<\"'(]*\Z",
    re.IGNORECASE,
)
_PHRASE = re.compile(
    r"(?:deliver(?:ed|y|ing)?|sen[dt]|message|mail|reach|relay|forward)[^\n]{0,60} (?:to|for)[^\n]{0,40}?:?[\s<\"'(]*\Z"
    r"|(?:recipients?|addresse?s?|users?|errors?|unknown|invalid|mailbox|account|rcpt to)[^\n]{0,60}?[\s:<\"'(]+\Z",
    re.IGNORECASE,
)


class Mention(NamedTuple):
    """An address, its line, and how surely it is a failed one: 3 leads the line, 2 is introduced, 1 is there."""

    address: str
    line: int
    weight: int


@lru_cache(maxsize=4)  # a report of many recipients asks for the same text again and again
def mentions(text: str) -> tuple[Mention, ...]:
    """Every address in the text."""
    found: list[Mention] = []
    for number, line in enumerate(text.split("\n")):
        if "@" not in line:
            continue
        for match in _ADDRESS.finditer(line[:2000]):
            address = clean(match[0])
            if address:
                found.append(Mention(address, number, _weight(line[: match.start()], number)))
        if len(found) > MAX_ADDRESSES:
            break
    return tuple(found)


def clean(address: str) -> str:
    """Without the punctuation of the sentence; empty when it cannot be an address of a recipient."""
    local, _, domain = address.strip("<>()[]:;,'`\" ").rpartition("@")
    local = local.lstrip(".'`=*")
    if "." not in domain and "[" not in address and domain.lower() != "localhost":
        return ""
    return f"{local}@{domain}" if local else ""


def addresses(value: str) -> list[str]:
    """The addresses in a header field, once each."""
    return list(dict.fromkeys(a for m in _ADDRESS.finditer(value[:20_000]) if (a := clean(m[0]))))


def _weight(before: str, number: int) -> int:
    if len(before) < 120 and _LEAD.match(before):
        return 3
    return 2 if _PHRASE.search(before[-120:]) else 1


def chosen(found: Sequence[Mention], ours: set[str]) -> list[str]:
    """The failed addresses: the surest that are not `ours` (lower case), or the surest at all."""
    best: dict[str, int] = {}
    for mention in found:
        best[mention.address] = max(best.get(mention.address, 0), mention.weight)
    for pool in ({a: w for a, w in best.items() if a.lower() not in ours}, best):
        if pool:
            top = max(pool.values())
            picked = [a for a, w in pool.items() if w == top]
            return picked if top > 1 else picked[:1]
    return []


def passages(text: str, wanted: list[str], found: Sequence[Mention]) -> dict[str, str]:
    """For each wanted address the lines that speak of it; the whole text when there is only one."""
    if len(wanted) < 2:
        return dict.fromkeys(wanted, text)
    return {a: lines_about(a, text, found) for a in wanted}


def lines_about(address: str, text: str, found: Sequence[Mention]) -> str:
    """From each line that names the address to the next line that leads with another one."""
    lines = text.split("\n")
    name = address.lower()
    starts = sorted({m.line for m in found if m.address.lower() == name})
    others = sorted({m.line for m in found if m.weight == 3 and m.address.lower() != name})
    picked: list[str] = []
    done = 0
    for start in starts:
        end = next((o for o in others if o > start), len(lines))
        picked.extend(lines[max(start, done) : end])
        done = max(done, end)
    return "\n".join(picked)
