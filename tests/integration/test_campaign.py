"""`streampost campaign send` on a real broker: batches, bad rows, and a kill in the middle."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.cli import campaign
from agents.compacted import read_all
from agents.demo.setting import prepare_topics
from agents.settings import Settings
from agents.tables import TemplateKey
from schemas import codec
from schemas.ids import message_uuid
from schemas.incoming import read
from schemas.records import Template
from schemas.request import EmailRequest
from tests.support.kafka import Record, produce

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]
OPTIONS = ("--template", "issue", "--tenant", "newsletter", "--sender", "hello@letter.example", "--campaign", "spring")
DOMAINS = ("gmail.test", "gmail.test", "harbour-books.test", "me.test")


class Place:
    """A prefix with topics and a template, and what the request topic holds."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self.settings = Settings(kafka=kafka, topic_prefix=prefix, request_partitions=3, delay_partitions=1)
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith("STREAMPOST_")} | {
            "STREAMPOST_KAFKA": kafka,
            "STREAMPOST_TOPIC_PREFIX": prefix,
            "STREAMPOST_CONFIG_DIR": str(ROOT / "config"),
        }
        prepare_topics(self.settings)
        template = codec.encode("Template", Template("issue", 1, subject="{{ first_name }}", text="Hi")._asdict())
        produce(kafka, f"{prefix}.templates", [Record(template, TemplateKey("issue", 1).encode())])

    def run(self, *arguments: object, code: int = 0) -> Result:
        app = typer.Typer()
        campaign.register(app)
        result = CliRunner().invoke(app, ["campaign", "send", *map(str, arguments)], env=self.environ)
        assert result.exit_code == code, result.output
        return result

    def records(self) -> list[tuple[bytes, list[EmailRequest], int]]:
        """Key, requests and partition of every record."""
        topic = f"{self.settings.topic_prefix}.requests.bulk"
        entries = read_all(self.settings.librdkafka(), topic)
        return [(e.key or b"", read(e.value).requests, e.partition) for e in entries]

    def requests(self) -> list[EmailRequest]:
        return [r for _, batch, _ in self.records() for r in batch]


@pytest.fixture
def place(kafka: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in [n for n in os.environ if n.startswith("STREAMPOST_")]:
        monkeypatch.delenv(name)
    return Place(kafka, prefix)


def write_list(path: Path, count: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "first_name", "name"])
        writer.writerows([f"reader-{i}@{DOMAINS[i % 4]}", f"Zoë {i}", ""] for i in range(count))
    return path


def expected(count: int) -> set[str]:
    return {message_uuid("newsletter", f"spring\nreader-{i}@{DOMAINS[i % 4]}") for i in range(count)}


def test_a_list_becomes_batches_of_one_domain(place: Place, tmp_path: Path) -> None:
    path, day = write_list(tmp_path / "list.csv", 1000), datetime.now(UTC).date() + timedelta(days=2)
    result = place.run(path, *OPTIONS, "--var", "price=3", "--list-id", "letter.example", "--send-at", day.isoformat())
    assert "1000 recipients sent" in result.output
    assert {r.id for r in place.requests()} == expected(1000)
    assert len(place.requests()) == 1000
    for key, batch, _ in place.records():
        assert {r.recipient.partition("@")[2] for r in batch} == {key.decode().partition("/")[0]}
    assert {key for key, _, _ in place.records() if key.startswith(b"gmail.test")} > {b"gmail.test/00"}
    one = next(r for r in place.requests() if r.recipient == "reader-4@gmail.test")
    assert one.variables == '{"price":3,"first_name":"Zoë 4"}'
    assert (one.template_id, one.campaign, one.list_id, one.send_at) == (
        "issue",
        "spring",
        "letter.example",
        int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000),
    )
    assert not (tmp_path / "list.rejected.csv").exists()


def test_a_list_that_is_sent_is_not_sent_twice_unless_asked_for(place: Place, tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.csv", 30)
    place.run(path, *OPTIONS)
    assert "by an earlier run" in place.run(path, *OPTIONS).output
    assert len(place.requests()) == 30
    place.run(path, *OPTIONS, "--again")
    assert Counter(r.id for r in place.requests()) == Counter(dict.fromkeys(expected(30), 2))
    by_id: dict[str, set[int]] = {}
    for _, batch, partition in place.records():
        for request in batch:
            by_id.setdefault(request.id, set()).add(partition)
    assert {len(partitions) for partitions in by_id.values()} == {1}, "a repeat meets the worker that knows the id"


def test_bad_rows_are_said_by_line_and_kept(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(
        b"email,first_name\nann@me.test,Ann\nnobody,x\n\nbo@me.test\nANN@me.test,again\ncy@me.test,caf\xe9\ndi@me.test,Di\n"
    )
    result = place.run(path, *OPTIONS, code=1)
    assert "line 3: address 'nobody' has no @" in result.output
    assert sorted(r.recipient for r in place.requests()) == ["ann@me.test", "di@me.test"]
    assert (tmp_path / "list.rejected.csv").read_bytes().splitlines() == [
        b"email,first_name,line,reason",
        b"nobody,x,3,address 'nobody' has no @",
        b'bo@me.test,5,"1 cells, but the header has 2"',
        b"ANN@me.test,again,6,the same address or id is on line 2",
        b"cy@me.test,caf\xe9,7,not UTF-8",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--template", "issue@7"), "there is no template issue@7; its versions: 1"),
        (("--tenant", "nobody"), "nobody"),
        (("--sender", "ceo@else.example"), "else.example is not a sender domain"),
        (("--send-at", "tomorrow"), "--send-at"),
    ],
)
def test_wrong_arguments_send_nothing(place: Place, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    path = write_list(tmp_path / "list.csv", 3)
    assert words in place.run(path, *OPTIONS, *arguments, code=2).output
    assert place.requests() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_in_the_middle_and_taken_up_again(place: Place, tmp_path: Path, number: int) -> None:
    count, chunk = 60_000, 2000
    path = write_list(tmp_path / "list.csv", count)
    with path.open("a") as file:
        file.write("nobody,x,\n")
    progress = tmp_path / "list.csv.progress"
    command = [sys.executable, "-m", "agents", "campaign", "send", str(path), *OPTIONS, "--chunk-rows", str(chunk)]
    running = subprocess.Popen(command, cwd=ROOT, env=place.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (progress.exists() and json.loads(progress.read_text().splitlines()[0])["sent"] >= 4000):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), (out, err)
    before = place.requests()
    assert 4000 <= len(before) < count, "it was killed in the middle"

    result = place.run(path, *OPTIONS, "--chunk-rows", chunk, code=1)
    assert f"{count} recipients sent, some of them by an earlier run" in result.output
    counted = Counter(r.id for r in place.requests())
    assert set(counted) == expected(count)
    repeated = sum(n - 1 for n in counted.values())
    # only what Kafka had confirmed and the killed process had not noted: less than the chunk; told to stop, nothing
    assert repeated <= (chunk if number == signal.SIGKILL else 0)
    assert (tmp_path / "list.rejected.csv").read_text().splitlines() == [
        "email,first_name,name,line,reason",
        f"nobody,x,,{count + 2},address 'nobody' has no @",
    ]
