"""TLS contexts: one that takes any certificate, for servers of strangers, and verified ones for relays of ours and
where shaping.toml wants a valid certificate."""

import ssl
from functools import lru_cache
from pathlib import Path

from agents.smtp_job import SourceError


@lru_cache(maxsize=1)
def opportunistic_tls() -> ssl.SSLContext:
    """RFC 7435: any certificate is better than none, where no policy of the domain asks for more."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def verified_tls() -> ssl.SSLContext:
    """For a server whose certificate must be valid for its name, by the system's authorities."""
    return _verifying(None, 0)


def relay_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificate and name are verified, by the system's authorities or by those of the file (PEM).

    Made once for each version of the file. Raises SourceError when it cannot be read.
    """
    try:
        return _verifying(ca_file, Path(ca_file).stat().st_mtime_ns if ca_file else 0)
    except (OSError, ssl.SSLError) as e:
        raise SourceError("tls", f"ca_file {ca_file}: {e}") from e


@lru_cache(maxsize=64)
def _verifying(ca_file: str | None, _: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
