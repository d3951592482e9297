"""Compressed request bodies."""

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd

from analytics.embedded.bodies import unpack
from analytics.embedded.errors import ServerError, from_engine

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("encoding", PACK)
def test_unpack(encoding: str) -> None:
    assert unpack(PACK[encoding](b"x" * 1000), encoding) == b"x" * 1000


@pytest.mark.parametrize("encoding", [name for name in PACK if name])
def test_broken_data_is_the_clients_error(encoding: str) -> None:
    with pytest.raises(ServerError, match="Cannot decompress"):
        unpack(b"rubbish", encoding)


def test_unknown_encoding() -> None:
    with pytest.raises(ServerError, match="br is not supported") as caught:
        unpack(b"", "br")
    assert caught.value.status == 501


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("Streaming insert failed: Code: 60. DB::Exception: no such table", 60, 404),
        ("Code: 27. DB::Exception: cannot parse", 27, 400),
        ("something else", 1002, 500),
    ],
)
def test_engine_errors_keep_their_code(text: str, code: int, status: int) -> None:
    error = from_engine(RuntimeError(text))
    assert (error.code, error.status) == (code, status)
    assert str(error).startswith(f"Code: {code}. DB::Exception: ")
    assert str(error).count("Code:") == 1
