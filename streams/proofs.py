"""Which of our signed tokens a returned mail carries, and whether they hold. Without one it changes nothing (C7.50)."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from streams import tokens, web_tokens
from streams.bounces.encodings import decode_words
from streams.bounces.inspection import Inspection
from streams.bounces.mail import MAX_HEADER_OCTETS, MAX_READ, split
from streams.token_keys import TokenKeys
from streams.tokens import Fault, Trace
from streams.web_tokens import WebTrace

NONE = "no_token"
"""The mail carries nothing that looks like a token."""
MAX_CANDIDATES = 20
MAX_SUBJECT = 16_000

_WEB = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{86,8192}(?![A-Za-z0-9_-])")


class Proof(NamedTuple):
    """What is proved: trace (return path, or our header in the original), and web (a link of ours in the mail).

    asks: the web token is an unsubscribe token in the subject or in the address that the mail was sent to, where only
    whoever wants to unsubscribe puts it. fault: why nothing is proved, empty when something is.
    """

    trace: Trace | None = None
    web: WebTrace | None = None
    asks: bool = False
    fault: str = ""


def proof(raw: bytes, found: Inspection, rcpts: Sequence[str], keys: TokenKeys, now_ms: int) -> Proof:
    """Look where tokens of ours stand: the address it came to first, since that is the one that we chose."""
    texts = [*(tokens.in_local_part(rcpt.rpartition("@")[0]) for rcpt in rcpts), found.token]
    traces = [tokens.read(text, keys, now_ms) for text in dict.fromkeys(texts) if text]
    trace = next((t for t in traces if isinstance(t, Trace)), None)
    asked = _web(_candidates([_subject(raw), *rcpts]), keys, now_ms)
    web = asked or _web(_candidates([raw[:MAX_READ].decode("latin-1")]), keys, now_ms)
    if trace or web:
        return Proof(trace, web, asks=asked is not None and asked.kind == web_tokens.UNSUBSCRIBE)
    return Proof(fault=next((str(t) for t in traces if isinstance(t, Fault)), NONE))


def _subject(raw: bytes) -> str:
    text = raw[:MAX_HEADER_OCTETS].replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")
    return next((decode_words(value[:MAX_SUBJECT]) for name, value in split(text)[0] if name == "subject"), "")


def _candidates(texts: Sequence[str]) -> Iterator[str]:
    return islice((m[0] for text in texts for m in _WEB.finditer(text)), MAX_CANDIDATES)


def _web(candidates: Iterator[str], keys: TokenKeys, now_ms: int) -> WebTrace | None:
    found = (web_tokens.read(text, keys, now_ms) for text in candidates)
    return next((t for t in found if isinstance(t, WebTrace)), None)
