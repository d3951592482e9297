"""The secrets that sign our tokens: several by id, so that they can be changed while mail of the old ones is out.

A file holds one `id:hex` a line; blank lines and what follows a # are skipped. The first signs, all of them verify. To
rotate: put a new key first, and keep the old one as long as its tokens live (LIFE_DAYS of tokens.py and web_tokens.py).
"""

import hmac
import re
from typing import NamedTuple

MAX_ID = 127
"""An id takes seven bits in a token."""
MIN_SECRET = 16
"""Octets: RFC 2104 section 3 wants a key no shorter than what an attacker should have to guess."""

_LINE = re.compile(r"([0-9]{1,3})\s*:\s*([0-9a-fA-F]+)\Z")


class TokenKeysError(ValueError):
    """The text holds no usable keys; the message names the line, never a secret."""


class TokenKeys(NamedTuple):
    """Secrets by id; `first` is the id that signs."""

    first: int
    secrets: dict[int, bytes]

    def mac(self, key: int, purpose: bytes, data: bytes, size: int) -> bytes:
        """The first `size` octets of HMAC-SHA-256 (RFC 2104 section 5), of this purpose only. KeyError: no such key."""
        return hmac.digest(self.secrets[key], purpose + b"\0" + data, "sha256")[:size]


def parse_keys(text: str) -> TokenKeys:
    """The keys of a file. Raises TokenKeysError."""
    secrets: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words:
            key, secret = _parsed(number, words)
            if key in secrets:
                raise TokenKeysError(f"token keys, line {number}: the id {key} is given twice")
            secrets[key] = secret
    if not secrets:
        raise TokenKeysError("token keys: no key; one id:hex a line is wanted")
    return TokenKeys(next(iter(secrets)), secrets)


def _parsed(number: int, words: str) -> tuple[int, bytes]:
    found = _LINE.match(words)
    if found is None or len(found[2]) % 2:
        raise TokenKeysError(f"token keys, line {number}: id:hex is wanted, for example 1:3f…, the secret in hex")
    if int(found[1]) > MAX_ID:
        raise TokenKeysError(f"token keys, line {number}: an id is a number from 0 to {MAX_ID}")
    secret = bytes.fromhex(found[2])
    if len(secret) < MIN_SECRET:
        raise TokenKeysError(f"token keys, line {number}: a secret has at least {MIN_SECRET} octets")
    return int(found[1]), secret
