"""What the sink and the queries need: STREAMPOST_* environment variables. Secrets come from files."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "STREAMPOST_"
OWN = ("STREAMPOST_CLICKHOUSE_", "STREAMPOST_SINK_")
"""Prefixes that are checked here; the other STREAMPOST_ names belong to agents/settings.py too."""


class Endpoint(NamedTuple):
    """The parts of STREAMPOST_CLICKHOUSE_URL."""

    secure: bool
    host: str
    port: int
    user: str
    database: str


class Settings(BaseSettings):
    """One field per variable: STREAMPOST_SINK_BATCH sets `sink_batch`. The description is the documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    kafka: str = Field(default="127.0.0.1:9092", description="Bootstrap servers, host:port, comma-separated.")
    kafka_options: dict[str, str] = Field(
        default={}, description="More librdkafka options as a JSON object (SASL, TLS)."
    )
    kafka_password_file: Path | None = Field(default=None, description="File with the SASL password.")
    schema_ids: dict[int, str] = Field(
        default={}, description='Schemas of Confluent-format records by registry id, as JSON: {"17": "EmailRequest"}.'
    )
    topic_prefix: str = Field(default="email", description="Prefix of every topic.")
    group_prefix: str = Field(default="streampost", description="Prefix of every consumer group.")
    host: str = Field(default="127.0.0.1", description="Address of the health and metrics port.")
    log_level: str = Field(default="info", description="debug, info, warning or error.")
    clickhouse_url: str = Field(
        default="http://default@127.0.0.1:8123/streampost", description="ClickHouse: http(s)://user@host:port/database."
    )
    clickhouse_password_file: Path | None = Field(default=None, description="File with the ClickHouse password.")
    clickhouse_cluster: str = Field(default="", description="Name of the ClickHouse cluster; empty for a single node.")
    clickhouse_retention_days: int = Field(default=400, ge=1, description="Days that events and requests are kept.")
    clickhouse_rollup_days: int = Field(default=1200, ge=1, description="Days that hourly rollups are kept.")
    clickhouse_timeout: float = Field(default=30.0, gt=0, description="Seconds that one statement may take.")
    sink_batch: int = Field(default=10_000, ge=1, le=500_000, description="Records per insert, at most, per partition.")
    sink_linger: float = Field(
        default=0.5, gt=0, description="Seconds that the first record of a batch waits, at most."
    )
    sink_group_protocol: str = Field(default="classic", description="classic, or consumer on Kafka 4 and newer.")
    sink_session_timeout: float = Field(
        default=10.0, gt=0, description="Seconds until a silent sink loses its partitions."
    )
    sink_instance: str = Field(
        default="", description="Name of this sink that survives restarts: it then takes its partitions back at once."
    )
    sink_health_port: int = Field(
        default=0, description="Port of the sink's /live, /ready and /metrics; 0 for a free one."
    )
    sink_health_port_file: Path | None = Field(default=None, description="Where to write the port that was taken.")

    @field_validator("clickhouse_url")
    @classmethod
    def _whole_url(cls, value: str) -> str:
        endpoint(value)
        return value

    @field_validator("sink_group_protocol")
    @classmethod
    def _known_protocol(cls, value: str) -> str:
        if value not in ("classic", "consumer"):
            raise ValueError("classic or consumer is wanted")
        return value

    def librdkafka(self, **more: Any) -> dict[str, Any]:
        """Options for every confluent-kafka client of this process."""
        password = {"sasl.password": self.kafka_password_file.read_text().strip()} if self.kafka_password_file else {}
        return {"bootstrap.servers": self.kafka, **self.kafka_options, **password, **more}

    @property
    def clickhouse_password(self) -> str:
        """Empty without a password file."""
        return self.clickhouse_password_file.read_text("utf-8").strip() if self.clickhouse_password_file else ""


def endpoint(url: str) -> Endpoint:
    """Take http(s)://user@host:port/database apart. Raises ValueError; a password in the URL is refused."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("http(s)://user@host:port/database is wanted")
    if parts.password:
        raise ValueError("the password belongs in STREAMPOST_CLICKHOUSE_PASSWORD_FILE, not in the URL")
    secure = parts.scheme == "https"
    port = parts.port or (8443 if secure else 8123)
    database = unquote(parts.path.strip("/")) or "streampost"
    return Endpoint(secure, parts.hostname, port, unquote(parts.username or "default"), database)


class UnknownSettingError(ValueError):
    """A STREAMPOST_CLICKHOUSE_ or STREAMPOST_SINK_ variable that nothing reads: most likely a typing error."""


def check_names(names: Iterable[str]) -> None:
    """Raise UnknownSettingError for the first name of ours that is no setting."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(names):
        if name.startswith(OWN) and name not in known:
            raise UnknownSettingError(f"{name} is not a setting of streampost; see docs/settings.md")


def load() -> Settings:
    """Read the environment. Raises UnknownSettingError, or pydantic's ValidationError that names the field."""
    check_names(os.environ)
    return Settings()
