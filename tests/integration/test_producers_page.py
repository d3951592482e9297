"""Every snippet of docs/producers.md, run as it is printed, on a real broker: what it writes can be sent."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agents import topics_admin
from agents.compacted import Entry, read_all
from agents.config_files import load
from agents.kafka_jars import VERSION, cache_folder, ensure_jars
from agents.settings import Settings
from schemas.address import partition_key
from schemas.codec import decode
from schemas.request import EmailRequest
from schemas.topics import LANES
from streams.admit import Admitted, admit

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "producers.md").read_text("utf-8")
SNIPPETS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NOW_MS = 1_770_000_000_000  # February 2026: the page's send_at lies ahead


def console_producer(folder: Path) -> None:
    """Kafka's own script is a java call; its class is in one jar more than the broker needs."""
    jars, tools = ensure_jars(), cache_folder() / "tools"
    if not list(tools.glob("kafka-tools-*.jar")):
        artifact = f"org.apache.kafka:kafka-tools:{VERSION}"
        goal = "org.apache.maven.plugins:maven-dependency-plugin:copy"
        subprocess.run(["mvn", "-q", "-B", goal, f"-Dartifact={artifact}", f"-DoutputDirectory={tools}"], check=True)
    script = folder / "kafka-console-producer.sh"
    script.write_text(f'#!/bin/sh\nexec java -cp "{tools}/*:{jars}/*" org.apache.kafka.tools.ConsoleProducer "$@"\n')
    script.chmod(0o755)


def streampost(folder: Path) -> None:
    script = folder / "streampost"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "from agents.cli import main; main()" "$@"\n'
    )
    script.chmod(0o755)


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    found = Settings(kafka=kafka, topic_prefix=prefix, request_partitions=3, delay_partitions=1)
    topics_admin.create_missing(topics_admin.client(found), topics_admin.wanted_topics(found), {})
    return found


def written(settings: Settings) -> list[tuple[str, Entry]]:
    return [
        (lane, entry)
        for lane in LANES
        for entry in read_all(settings.librdkafka(), f"{settings.topic_prefix}.requests.{lane}")
    ]


def test_the_page_has_snippets() -> None:
    assert [kind for kind, _ in SNIPPETS] == ["python", "python", "python", "sh", "sh", "python"]


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_snippet(number: int, settings: Settings, tmp_path: Path) -> None:
    kind, code = SNIPPETS[number]
    if "kafka-console-producer" in code:
        if not list((cache_folder() / "tools").glob("*.jar")) and shutil.which("mvn") is None:
            pytest.skip("mvn is needed once to fetch Kafka's console producer")
        console_producer(tmp_path)
    streampost(tmp_path)
    shutil.copytree(ROOT / "schemas" / "avro", tmp_path / "schemas" / "avro")
    code = code.replace("127.0.0.1:9092", settings.kafka).replace(
        "email.requests.", f"{settings.topic_prefix}.requests."
    )
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("STREAMPOST_")},
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "STREAMPOST_KAFKA": settings.kafka,
        "STREAMPOST_TOPIC_PREFIX": settings.topic_prefix,
        "STREAMPOST_CONFIG_DIR": str(ROOT / "config"),
        **({"PYTHONPATH": str(ROOT)} if "from schemas" in code else {}),
    }
    command = [sys.executable, "-c", code] if kind == "python" else ["sh", "-e", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    config, found = load(ROOT / "config"), written(settings)
    assert len(found) == {"python": 1, "sh": 2 + ("--file" in code)}[kind]
    for lane, entry in found:
        request = EmailRequest.from_dict(decode("EmailRequest", entry.value))
        assert entry.key == partition_key(request.recipient)
        assert isinstance(admit(request, lane, config, NOW_MS), Admitted)
