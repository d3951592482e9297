"""Request bodies: compressed by the client in the usual ways."""

import gzip
import zlib
from collections.abc import Callable

from analytics.embedded.errors import ServerError

MAX_BODY = 256 << 20
"""Bytes of one request, packed or unpacked: what the process may hold for it."""


def _lz4(data: bytes) -> bytes:
    import lz4.frame  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with clickhouse-connect, needed only by clients that use it

    return bytes(lz4.frame.decompress(data))


def _zstd(data: bytes) -> bytes:
    from backports import zstd  # noqa: PLC0415 - as above

    try:
        return bytes(zstd.decompress(data))
    except zstd.ZstdError as e:
        raise ValueError(str(e)) from e


_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "identity": lambda data: data,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "lz4": _lz4,
    "zstd": _zstd,
}


def unpack(data: bytes, encoding: str) -> bytes:
    """Undo Content-Encoding. Raises ServerError for an unknown encoding or broken data."""
    if encoding not in _UNPACK:
        raise ServerError(48, f"Content-Encoding {encoding} is not supported. (NOT_IMPLEMENTED)")
    try:
        return _UNPACK[encoding](data)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error) as e:
        raise ServerError(271, f"Cannot decompress {encoding}: {e}. (CANNOT_DECOMPRESS)") from e
