"""Addresses (RFC 5321 section 4.1.2, RFC 6531, RFC 5891): parse, normalise, and the partition key of a request.

IDNA is the idna package's (IDNA2008 with UTS 46); the standard library's codec is the obsolete IDNA2003.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import idna

from schemas.errors import AddressError

MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets, section 4.5.3.1.2
MAX_PATH = 254  # octets: 256 with the angle brackets, section 4.5.3.1.3

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*\Z")
_QUOTED = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x20-\x7e])*"\Z')
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


class Address(NamedTuple):
    """A parsed address: local part as given, domain as lower-case A-labels."""

    local: str
    domain: str

    @property
    def ascii_local(self) -> bool:
        """False means that only a server with SMTPUTF8 can take it (RFC 6531)."""
        return self.local.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def normalised(self) -> str:
        """What suppression compares: local part in lower case, since no provider distinguishes case in practice."""
        return f"{self.local.lower()}@{self.domain}"


def parse(text: str) -> Address:
    """Parse one address. Raises AddressError that says what is wrong."""
    local, at, domain = text.rpartition("@")
    if not at:
        raise AddressError(f"address {text[:80]!r} has no @")
    if not (_DOT_STRING.match(local) or _QUOTED.match(local)):
        raise AddressError(f"address {text[:80]!r}: the local part is not valid (RFC 5321 section 4.1.2)")
    if len(local.encode("utf-8", "surrogatepass")) > MAX_LOCAL:
        raise AddressError(f"address {text[:80]!r}: the local part is longer than {MAX_LOCAL} octets")
    if not local.isascii() and any(0xD800 <= ord(c) <= 0xDFFF for c in local):
        raise AddressError("address: the local part is not valid Unicode")
    address = Address(local, domain_alabel(domain))
    if len(str(address).encode()) > MAX_PATH:
        raise AddressError(f"address {text[:80]!r} is longer than {MAX_PATH} octets")
    return address


@lru_cache(maxsize=65536)
def domain_alabel(domain: str) -> str:
    """The domain as lower-case A-labels (RFC 5890). Raises AddressError; address literals are refused."""
    name = domain
    if not domain.isascii():
        try:
            name = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as e:
            raise AddressError(f"domain {domain[:80]!r} is not valid (IDNA2008): {e}") from e
    name = name.lower()
    if name.startswith("["):
        raise AddressError(f"domain {domain[:80]!r}: address literals are not accepted")
    labels = name.split(".")
    if len(name) > MAX_DOMAIN or not all(_LABEL.match(label) for label in labels):
        raise AddressError(f"domain {domain[:80]!r} is not valid (RFC 1035 section 2.3.1)")
    if len(labels) < 2 or labels[-1].isdigit():
        raise AddressError(f"domain {domain[:80]!r} is not a full domain name")
    return name


def partition_key(recipient: str, shard: int | None = None) -> bytes:
    """The key of a request: the recipient domain, or domain/NN for a domain that is spread (wide)."""
    domain = parse(recipient).domain
    return (domain if shard is None else f"{domain}/{shard:02d}").encode("ascii")
