"""Settings of the analytics side: names, URL, secrets."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from analytics import settings
from analytics.settings import Settings, UnknownSettingError, check_names, endpoint


def test_environment_sets_the_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPOST_KAFKA", "127.0.0.2:9")
    monkeypatch.setenv("STREAMPOST_KAFKA_OPTIONS", '{"security.protocol": "SASL_SSL"}')
    monkeypatch.setenv("STREAMPOST_SINK_BATCH", "77")
    config = settings.load()
    assert config.sink_batch == 77
    options = config.librdkafka(linger=1)
    assert options == {"bootstrap.servers": "127.0.0.2:9", "security.protocol": "SASL_SSL", "linger": 1}


@pytest.mark.parametrize("name", ["STREAMPOST_SINK_BATHC", "STREAMPOST_CLICKHOUSE_URI"])
def test_unknown_name_of_ours_is_refused(name: str) -> None:
    with pytest.raises(UnknownSettingError, match=name):
        check_names(["STREAMPOST_SINK_BATCH", name])


def test_names_of_the_agents_are_theirs_to_check() -> None:
    check_names(["STREAMPOST_SMTP_PORT", "STREAMPOST_ANYTHING", "HOME"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1", (False, "127.0.0.1", 8123, "default", "streampost")),
        ("https://ch.test/mail", (True, "ch.test", 8443, "default", "mail")),
        ("http://me%40x@ch.test:99/my%20db/", (False, "ch.test", 99, "me@x", "my db")),
    ],
)
def test_parts_of_the_url(url: str, expected: tuple[object, ...]) -> None:
    assert endpoint(url) == expected


@pytest.mark.parametrize("url", ["127.0.0.1:8123", "clickhouse://127.0.0.1", "http://", "http://me:secret@127.0.0.1"])
def test_wrong_urls_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="clickhouse_url"):
        Settings(clickhouse_url=url)


def test_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    config = Settings(kafka_password_file=file, clickhouse_password_file=file)
    assert config.clickhouse_password == "secret"
    assert config.librdkafka()["sasl.password"] == "secret"
    assert Settings().clickhouse_password == ""


def test_unknown_group_protocol_is_refused() -> None:
    with pytest.raises(ValidationError, match="classic or consumer"):
        Settings(sink_group_protocol="static")
