"""What differs between processes and places: STREAMPOST_* environment variables. Secrets come from files."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from schemas.topics import LANES
from streams.token_keys import TokenKeys, parse_keys

PREFIX = "STREAMPOST_"
ANALYTICS_PREFIXES = ("STREAMPOST_CLICKHOUSE_", "STREAMPOST_SINK_")
"""Names that belong to analytics/settings.py, which checks them itself."""

DEVELOPMENT_KEYS = "0:73747265616d706f73742d646576656c6f706d656e74"
"""Signs the tokens of demo and tests: anybody can forge them."""

RFC_TIMES = "RFC 5321 wants at least"

Words = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """One field per variable: STREAMPOST_KAFKA sets `kafka`. The description is the documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    kafka: str = Field("127.0.0.1:9092", description="Bootstrap servers, host:port, comma-separated.")
    kafka_options: dict[str, str] = Field({}, description="More librdkafka options as a JSON object (SASL, TLS).")
    kafka_password_file: Path | None = Field(None, description="File with the SASL password.")
    topic_prefix: str = Field("email", description="Prefix of every topic.")
    request_partitions: int = Field(12, ge=1, description="Partitions of each request topic and of the events topic.")
    delay_partitions: int = Field(4, ge=1, description="Partitions of each delay topic.")
    delay_scale: float = Field(1.0, gt=0, le=1, description="Factor on every tier's delay; below 1 for demo and tests.")
    small_partitions: int = Field(1, ge=1, description="Partitions of the other topics.")
    replication: int = Field(1, ge=1, description="Replicas of a topic when it is created; 3 in production.")
    group_prefix: str = Field("streampost", description="Prefix of every consumer group.")
    config_dir: Path = Field(Path("config"), description="Folder with tenants.toml, pools.toml, lanes.toml, keys/.")
    config_overlay: Path | None = Field(None, description="Folder whose TOML files replace those of config_dir.")
    schema_ids: dict[int, str] = Field(
        default={}, description='Schemas of Confluent-format records by registry id, as JSON: {"17": "EmailRequest"}.'
    )
    lanes: Words = Field(LANES, description="Lanes that this worker serves, comma-separated.")
    hash_key_file: Path | None = Field(None, description="File with the secret of the address hash.")
    hash_key: SecretStr = Field(SecretStr("streampost-development"), description="The same inline, for development.")
    token_keys_file: Path | None = Field(None, description="File with the secrets of tokens, one id:hex a line.")
    token_keys: SecretStr = Field(SecretStr(DEVELOPMENT_KEYS), description="The same inline, for development.")
    dns_servers: Words = Field((), description="Resolvers, address or address:port; none means the system's.")
    smtp_port: int = Field(25, description="Port of receiving servers; another one only for demo and tests.")
    loopback_only: bool = Field(False, description="Refuse every destination that is not loopback (demo, tests).")
    host: str = Field("127.0.0.1", description="Address of the health and metrics port.")
    health_port: int = Field(0, description="Port of /live, /ready and /metrics; 0 for a free one.")
    health_port_file: Path | None = Field(None, description="Where to write the port that was taken.")
    web_host: str = Field("127.0.0.1", description="Address of `streampost web`.")
    web_port: int = Field(8025, description="Port of `streampost web`; 0 for a free one.")
    web_port_file: Path | None = Field(None, description="Where to write the port of `streampost web`.")
    inbound_host: str = Field("127.0.0.1", description="Address of `streampost inbound`; :: for all of them.")
    inbound_port: int = Field(2525, description="Port of `streampost inbound`; 0 for a free one.")
    inbound_port_file: Path | None = Field(None, description="Where to write the port of `streampost inbound`.")
    inbound_tls_cert: Path | None = Field(None, description="Certificate chain for STARTTLS, PEM.")
    inbound_tls_key: Path | None = Field(None, description="Its private key, PEM.")
    smtp_greeting_timeout: float = Field(300, gt=0, description=f"Seconds to wait for a greeting; {RFC_TIMES} 5 min.")
    smtp_command_timeout: float = Field(300, gt=0, description="The same for EHLO, STARTTLS, AUTH and RSET.")
    smtp_mail_timeout: float = Field(300, gt=0, description=f"The same for MAIL; {RFC_TIMES} 5 min.")
    smtp_rcpt_timeout: float = Field(300, gt=0, description=f"The same for RCPT; {RFC_TIMES} 5 min.")
    smtp_data_timeout: float = Field(120, gt=0, description=f"The same for DATA; {RFC_TIMES} 2 min.")
    smtp_block_timeout: float = Field(180, gt=0, description=f"For a piece of the body to leave; {RFC_TIMES} 3 min.")
    smtp_body_timeout: float = Field(600, gt=0, description=f"For the reply to the final dot; {RFC_TIMES} 10 min.")
    smtp_attempt_timeout: float = Field(900, gt=0, description="Over all of one message, from MAIL to the last reply.")
    smtp_hurried_timeout: float = Field(45, gt=0, description="The same while others wait for it, or the worker stops.")
    slots_transactional: int = Field(100, ge=1, description="Transactional messages in flight per worker.")
    slots_bulk: int = Field(200, ge=1, description="Bulk messages in flight per worker.")
    soft_bounces: int = Field(5, ge=2, description="Soft bounces that suppress an address, one a day counted.")
    soft_bounce_days: float = Field(7, ge=0, description="Days that must lie between the first and the last of them.")
    soft_keep_days: float = Field(90, gt=0, description="Days that such a suppression lasts.")
    log_level: str = Field("info", description="debug, info, warning or error.")

    @field_validator("lanes", "dns_servers", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return tuple(w.strip() for w in value.split(",") if w.strip()) if isinstance(value, str) else value

    @field_validator("lanes")
    @classmethod
    def _known_lanes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - set(LANES):
            raise ValueError(f"unknown lane {min(unknown)!r}; lanes are {', '.join(LANES)}")
        return value

    @property
    def address_key(self) -> bytes:
        """The secret of the address hash."""
        if self.hash_key_file:
            return self.hash_key_file.read_bytes().strip()
        return self.hash_key.get_secret_value().encode()

    @property
    def signing_keys(self) -> TokenKeys:
        """The secrets of the tokens, read anew. Raises OSError or TokenKeysError."""
        file = self.token_keys_file
        return parse_keys(file.read_text("utf-8") if file else self.token_keys.get_secret_value())

    def librdkafka(self, **more: Any) -> dict[str, Any]:
        """Options for every confluent-kafka client of this process."""
        password = {"sasl.password": self.kafka_password_file.read_text().strip()} if self.kafka_password_file else {}
        return {"bootstrap.servers": self.kafka, **self.kafka_options, **password, **more}


class UnknownSettingError(ValueError):
    """A STREAMPOST_ variable that nothing reads: most likely a typing error."""


def load(environ: dict[str, str] | None = None) -> Settings:
    """Read the environment. Raises UnknownSettingError, or pydantic's ValidationError that names the field."""
    names = os.environ if environ is None else environ
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(names):
        if name.startswith(PREFIX) and name not in known and not name.startswith(ANALYTICS_PREFIXES):
            raise UnknownSettingError(f"{name} is not a setting of streampost; see docs/settings.md")
    return Settings()
