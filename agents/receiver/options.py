"""The receiver's options, as values."""

from pathlib import Path
from typing import NamedTuple


class Options(NamedTuple):
    """See `python -m agents.receiver --help`; ports 0 mean free ones, delays are seconds, sizes bytes."""

    host: str = "127.0.0.1"
    port: int = 0
    http_port: int = 0
    dns_port: int = 0
    port_file: Path | None = None
    record: Path | None = None
    keep_messages: Path | None = None
    keep_share: float = 1.0
    zone: tuple[Path, ...] = ()
    verify_dkim: float = 0.0
    tls: bool = False
    tls_cert_file: Path | None = None
    one_address: bool = False
    delay: float = 0.0
    max_recipients: int = 100
    max_messages: int = 0
    idle_seconds: float = 300.0


class Ports(NamedTuple):
    """The ports that were taken; the port file holds them as a JSON object."""

    smtp: int
    http: int
    dns: int
