"""Arguments of MAIL and RCPT (RFC 5321 sections 4.1.1.2, 4.1.1.3 and 4.1.2)."""

import re
from typing import NamedTuple

_PATH = rb'<((?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>'
_MAIL = re.compile(rb"MAIL FROM:\s?" + _PATH + rb"(.*)\Z", re.IGNORECASE | re.DOTALL)
_RCPT = re.compile(rb"RCPT TO:\s?" + _PATH + rb"(.*)\Z", re.IGNORECASE | re.DOTALL)


class PathArgument(NamedTuple):
    """The address between the angle brackets (a source route is dropped), and the parameters, names in capitals."""

    address: str
    parameters: dict[str, str]


def mail(line: bytes) -> PathArgument | None:
    """The arguments of a MAIL line, None when its syntax is wrong. The null sender is the empty address."""
    return _parsed(_MAIL.match(line))


def rcpt(line: bytes) -> PathArgument | None:
    """The arguments of a RCPT line, None when its syntax is wrong."""
    found = _parsed(_RCPT.match(line))
    return found if found and found.address else None


def _parsed(found: re.Match[bytes] | None) -> PathArgument | None:
    if found is None:
        return None
    try:
        address, tail = found[1].decode("utf-8"), found[2].decode("ascii")
    except UnicodeDecodeError:
        return None
    if address.startswith("@"):  # obsolete source route, RFC 5321 appendix C
        address = address.partition(":")[2]
    return PathArgument(address, _parameters(tail)) if tail else PathArgument(address, {})


def _parameters(tail: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in tail.split())
    return {name.upper(): value for name, _, value in pairs}


def split_address(address: str) -> tuple[str, str]:
    """Local part and lower-case domain."""
    local, _, domain = address.rpartition("@")
    return local, domain.lower()
