"""A template in MJML with an image, as a person puts it, through a real worker to the receiver."""

import base64
import email
import email.policy
import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.cli import template
from streams.images import Shrunk, shrink
from tests.support.images import noise, saved
from tests.support.worker import Site, keeping_site, running_worker

pytestmark = pytest.mark.kafka
SOURCE = Path(__file__).parents[1] / "golden" / "mjml" / "template"
LOGO = (SOURCE / "logo.png").read_bytes()


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with keeping_site(kafka, prefix, tmp_path) as made:
        for name, value in made.environ().items():
            monkeypatch.setenv(name, value)
        yield made


def run(*args: object, code: int = 0) -> Result:
    app = typer.Typer()
    template.register(app)
    result = CliRunner().invoke(app, ["template", *map(str, args)])
    assert result.exit_code == code, result.output
    return result


def delivered(site: Site, **changes: object) -> EmailMessage:
    """The only message that the receiver has kept since, as the standard library reads it."""
    request = site.request(
        subject=None,
        text=None,
        template_id="finds",
        variables=json.loads((SOURCE / "sample.json").read_text()),
        **changes,
    )
    site.send(request)
    assert site.outcome(request).event_type == "delivered"
    mails = site.folder.parent / "mails"
    (kept,) = [m for m in (parsed(p) for p in mails.iterdir()) if request_id(m) == request["id"]]
    return kept


def parsed(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def request_id(message: EmailMessage) -> str:
    return str(message["X-Request"])


def test_an_mjml_template_with_an_image_reaches_the_receiver(site: Site) -> None:
    output = run("put", SOURCE, "--id", "finds", "--shrink-images").output
    assert "compiled to HTML" in output
    assert "finds@1 written" in output
    assert "finds@1 unchanged" in run("put", SOURCE, "--id", "finds", "--shrink-images").output
    small = shrink("logo.png", LOGO)
    assert isinstance(small, Shrunk)
    (image,) = json.loads(run("show", "finds", "--json").output)["images"]
    assert (image["name"], base64.b64decode(image["content"])) == ("logo.png", small.data)
    assert f"--- image logo.png, image/png, {len(small.data)} octets" in run("show", "finds").output

    with running_worker(site):
        own = {"filename": "own.png", "content_type": "image/png", "content": base64.b64encode(b"own").decode()}
        message = delivered(site, id="plain", headers={"X-Request": "plain"})
        with_own = delivered(
            site, id="own", headers={"X-Request": "own"}, attachments=[{**own, "content_id": "logo.png"}]
        )

    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    assert message["Subject"] == "Second <Hand>: 2 new finds"
    html = message.get_body(("html",))
    assert html is not None
    content = html.get_content()
    assert 'src="cid:logo.png"' in content
    assert "<!--[if mso | IE]>" in content
    assert "{{" not in content
    logo = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert (logo["Content-ID"], logo.get_content_disposition(), logo.get_content()) == (
        "<logo.png>",
        "inline",
        small.data,
    )
    text = message.get_body(("plain",))
    assert text is not None
    assert "Lamp & more, cheap" in text.get_content()
    (other,) = [part for part in with_own.walk() if part.get_content_type() == "image/png"]
    assert other.get_content() == b"own"


def test_what_kafka_would_not_take_is_not_written(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "subject.txt").write_text("Hi")
    (folder / "message.html").write_text('<!DOCTYPE html><img src="cid:a.png" alt="">')
    (folder / "a.png").write_bytes(saved(noise((700, 700)), "PNG"))
    assert "above the 1000000 of a record" in run("put", folder, code=1).output
    (folder / "message.mjml").write_text("<mjml><mj-body><mj-foo /></mj-body></mjml>")
    (folder / "message.html").unlink()
    assert "message.mjml, line 1: <mj-foo>" in run("put", folder, code=1).output
    assert run("list").output == ""
