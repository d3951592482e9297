"""The commands for suppressions, templates and sending, against a real broker, as a person types them."""

import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agents import topics_admin
from agents.cli import send, suppress, template
from agents.compacted import read_all
from agents.settings import Settings
from schemas.codec import decode

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(kafka: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [n for n in os.environ if n.startswith("STREAMPOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMPOST_KAFKA", kafka)
    monkeypatch.setenv("STREAMPOST_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("STREAMPOST_CONFIG_DIR", str(ROOT / "config"))
    found = Settings(kafka=kafka, topic_prefix=prefix, request_partitions=3, delay_partitions=1)
    topics_admin.create_missing(topics_admin.client(found), topics_admin.wanted_topics(found), {})
    return found


def run(*args: str, code: int = 0) -> Result:
    app = typer.Typer()
    for group in (suppress, template, send):
        group.register(app)
    result = CliRunner().invoke(app, [str(a) for a in args])
    assert result.exit_code == code, result.output
    return result


def requests(settings: Settings, lane: str = "transactional") -> list[dict[str, object]]:
    topic = f"{settings.topic_prefix}.requests.{lane}"
    return [decode("EmailRequest", e.value) for e in read_all(settings.librdkafka(), topic)]


def test_suppress_add_check_list_remove(settings: Settings) -> None:
    run("suppress", "add", "Ann@Example.com", "bo@example.com", "--tenant", "shop", "--reason", "complaint")
    assert "complaint" in run("suppress", "check", "ann@example.com", "--tenant", "shop", code=1).output
    run("suppress", "check", "ann@example.com", "--tenant", "newsletter")
    assert "Ann@example.com" in run("suppress", "list").output
    wrong = run("suppress", "remove", "ann@example.com", code=1)
    assert "it is with --tenant shop --lane *" in wrong.output
    run("suppress", "remove", "ann@example.com", "--tenant", "shop")
    run("suppress", "check", "ann@example.com", "--tenant", "shop")
    run("suppress", "check", "bo@example.com", "--tenant", "shop", "--lane", "bulk", code=1)


def test_suppress_refuses_wrong_arguments_and_writes_nothing(settings: Settings) -> None:
    assert "has no @" in run("suppress", "add", "good@example.com", "nobody", code=1).output
    assert "unknown lane" in run("suppress", "add", "good@example.com", "--lane", "fast", code=2).output
    assert "duration" in run("suppress", "add", "good@example.com", "--expires", "soon", code=2).output
    assert "0 of 0 shown" in run("suppress", "list").output


def test_an_erased_person_leaves_no_address(settings: Settings) -> None:
    run("suppress", "add", "gone@example.com", "--reason", "erasure")
    assert "gone@" not in run("suppress", "list").output
    run("suppress", "check", "gone@example.com", "--tenant", "shop", code=1)


def test_erasing_a_person_leaves_only_the_hash_and_later_imports_do_not_bring_the_address_back(
    settings: Settings, tmp_path: Path
) -> None:
    run("suppress", "add", "Ann@example.com", "--tenant", "shop", "--lane", "bulk", "--reason", "complaint")
    run("suppress", "add", "Ann@example.com", "--tenant", "shop", "--list-id", "news.example.com")
    assert "1 erased, 2 entries" in run("suppress", "erase", "ann@example.com").output
    source = tmp_path / "list.csv"
    source.write_text("email\nAnn@Example.com\n")
    run("suppress", "import", source, "--tenant", "other")
    run("suppress", "add", "ann@example.com", "--tenant", "third")
    found = run("suppress", "list").output
    assert "5 of 5 shown" in found
    assert "complaint" in found
    assert "ann@" not in found.lower()
    run("suppress", "check", "ann@example.com", "--tenant", "anybody", code=1)


def test_suppress_of_one_list(settings: Settings) -> None:
    run("suppress", "add", "ann@example.com", "--tenant", "shop", "--lane", "bulk", "--list-id", "news.example.com")
    run("suppress", "check", "ann@example.com", "--tenant", "shop", "--lane", "bulk")
    stopped = run(
        "suppress",
        "check",
        "ann@example.com",
        "--tenant",
        "shop",
        "--lane",
        "bulk",
        "--list-id",
        "news.example.com",
        code=1,
    )
    assert "list news.example.com" in stopped.output
    wrong = run("suppress", "remove", "ann@example.com", "--tenant", "shop", "--lane", "bulk", code=1)
    assert "--list-id news.example.com" in wrong.output


def test_c6_47_lifting_a_persons_own_wish_is_an_event(settings: Settings) -> None:
    scope = ("--tenant", "shop", "--lane", "bulk")
    run("suppress", "add", "ann@example.com", *scope, "--reason", "unsubscribe", "--list-id", "news.example.com")
    run("suppress", "add", "bo@example.com", *scope, "--reason", "hard_bounce")
    run("suppress", "remove", "bo@example.com", *scope)
    origin = ("--origin", "form of 2026-11-24")
    removed = run("suppress", "remove", "Ann@example.com", *scope, "--list-id", "news.example.com", *origin)
    assert "1 removed" in removed.output
    run("suppress", "check", "ann@example.com", *scope, "--list-id", "news.example.com")
    (found,) = [
        decode("DeliveryEvent", e.value) for e in read_all(settings.librdkafka(), f"{settings.topic_prefix}.events")
    ]
    assert (found["event_type"], found["tenant_id"], found["stream"]) == ("resubscribed", "shop", "bulk")
    assert (found["recipient_domain"], found["reason"]) == ("example.com", "form of 2026-11-24")
    assert found["attrs"] == {"list_id": "news.example.com"}


def test_suppress_import_and_export(settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("Email,Reason,Expires_At\na@example.com,complaint,\nbroken,,\nb@example.com,,2099-01-01\n")
    assert "line 3" in run("suppress", "import", source, code=1).output
    assert "0 of 0 shown" in run("suppress", "list").output
    assert "2 suppressed, 1 bad lines" in run("suppress", "import", source, "--skip-bad", "--lane", "bulk").output
    out = tmp_path / "out.csv"
    run("suppress", "export", "--output", out)
    for address in ("a@example.com", "b@example.com"):
        run("suppress", "remove", address, "--lane", "bulk")
    run("suppress", "import", out)
    run("suppress", "check", "b@example.com", "--tenant", "shop", "--lane", "bulk", code=1)
    again = tmp_path / "again.csv"
    run("suppress", "export", "--output", again)
    assert sorted(out.read_text().splitlines()) == sorted(again.read_text().splitlines())


def test_template_versions_never_change(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "welcome"
    folder.mkdir()
    (folder / "subject.txt").write_text("Hello {{ name }}\n")
    (folder / "message.html").write_text("<p>Hello {{ name }}</p>")
    assert "welcome@1 written" in run("template", "put", folder).output
    assert "welcome@1 unchanged" in run("template", "put", folder).output
    (folder / "message.html").write_text("<p>Dear {{ name }}</p>")
    assert "never change" in run("template", "put", folder, "--version", "1", code=1).output
    assert "welcome@2 written" in run("template", "put", folder).output
    assert json.loads(run("template", "show", "welcome@1", "--json").output)["html"] == "<p>Hello {{ name }}</p>"
    assert "Dear" in run("template", "show", "welcome").output
    assert run("template", "list").output.count("welcome@") == 2
    assert "<p>Dear Ann</p>" in run("template", "check", folder, "--var", "name=Ann").output


def test_a_broken_template_is_not_written(settings: Settings, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<p>\n{% if x %}</p>")
    assert "line" in run("template", "put", page, "--subject", "Hello", code=1).output
    assert "no subject" in run("template", "put", page, code=1).output
    assert run("template", "list").output == ""


def test_send_one(settings: Settings, tmp_path: Path) -> None:
    invoice = tmp_path / "invoice.pdf"
    invoice.write_bytes(b"%PDF")
    one = ("--to", "ann@gmail.test", "--from", "hi@shop.example", "--tenant", "shop")
    run("send", *one, "--subject", "Hi", "--text", "Hello", "--attach", invoice, "--field", 'tags=["a"]')
    run("send", *one, "--template", "welcome@3", "--var", "name=Ann", "--var", "count=2")
    first, second = sorted(requests(settings), key=lambda r: r["template_id"] is not None)
    assert first["subject"] == "Hi"
    assert first["attachments"] == [
        {"filename": "invoice.pdf", "content_type": "application/pdf", "content": b"%PDF", "content_id": None}
    ]
    assert (second["template_id"], second["template_version"]) == ("welcome", 3)
    assert second["variables"] == '{"name":"Ann","count":2}'


def test_send_refuses_what_the_worker_would_reject(settings: Settings) -> None:
    result = run(
        "send", "--to", "a@gmail.test", "--from", "x@other.example", "--tenant", "shop", "--subject", "s", code=1
    )
    assert "sender.address" in result.output
    assert requests(settings) == []


def test_send_a_file_keyed_by_domain_all_or_nothing(settings: Settings, tmp_path: Path) -> None:
    common = {"tenant": "newsletter", "sender": {"address": "n@letter.example"}, "subject": "s", "text": "t"}
    lines = [{"id": f"n-{i}", "recipient": f"r{i}@d{i % 5}.test", **common} for i in range(1500)]
    path = tmp_path / "requests.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in [*lines, {"id": "x"}]))
    result = run("send", "--file", path, "--lane", "bulk", code=1)
    assert "line 1501: EmailRequest.tenant: missing" in result.output
    assert requests(settings, "bulk") == []
    assert "1500 sent, 1 bad lines" in run("send", "--file", path, "--lane", "bulk", "--skip-bad").output
    places: dict[bytes | None, set[int]] = {}
    for entry in read_all(settings.librdkafka(), f"{settings.topic_prefix}.requests.bulk"):
        places.setdefault(entry.key, set()).add(entry.partition)
    assert sorted(places) == [b"d%d.test" % i for i in range(5)]
    assert all(len(partitions) == 1 for partitions in places.values())
