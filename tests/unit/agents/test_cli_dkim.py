"""`streampost dkim`: a key where streampost looks for it, and a record that dkimpy's verifier accepts."""

import re
from pathlib import Path

import dkim
import pytest
import typer
from typer.testing import CliRunner, Result

from agents.cli import dkim as command

RECORD = re.compile(r'^(\S+) IN TXT \( ((?:"[^"]*" ?)+)\)$', re.MULTILINE)


def run(*args: str, keys: Path, code: int = 0) -> Result:
    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, ["dkim", *args, "--keys-dir", str(keys)])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_keygen_writes_a_key_and_prints_its_record(algorithm: str, tmp_path: Path) -> None:
    options = ["--ed25519"] if algorithm == "ed25519" else []
    printed = run("keygen", "Shop.Example", "s1", *options, keys=tmp_path).stdout
    path = tmp_path / "shop.example" / "s1.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    found = RECORD.search(printed)
    assert found
    strings = re.findall(r'"([^"]*)"', found[2])
    assert found[1] == "s1._domainkey.shop.example."
    assert all(len(s) <= 255 for s in strings)
    name, text = found[1].encode(), "".join(strings).encode()
    if algorithm == "rsa":
        message = b"From: a@shop.example\r\nSubject: x\r\n\r\nHello\r\n"
        signature = dkim.sign(message, b"s1", b"shop.example", path.read_bytes())
        assert dkim.verify(signature + message, dnsfunc=lambda n, timeout=5: text if n == name else None)
    assert run("record", "shop.example", "s1", keys=tmp_path).stdout.strip() == found[0].strip()


def test_a_key_in_use_is_never_replaced(tmp_path: Path) -> None:
    run("keygen", "shop.example", "s1", "--ed25519", keys=tmp_path)
    before = (tmp_path / "shop.example" / "s1.pem").read_bytes()
    assert "never replaced" in run("keygen", "shop.example", "s1", keys=tmp_path, code=1).output
    assert (tmp_path / "shop.example" / "s1.pem").read_bytes() == before


@pytest.mark.parametrize(("domain", "selector"), [("../x", "s1"), ("shop.example", "../s1"), ("shop.example", "")])
def test_what_is_no_domain_or_selector_never_becomes_a_path(domain: str, selector: str, tmp_path: Path) -> None:
    run("keygen", domain, selector, keys=tmp_path / "keys", code=2)
    assert not list(tmp_path.rglob("*.pem"))


def test_the_record_of_a_key_that_is_not_there(tmp_path: Path) -> None:
    assert "s1.pem" in run("record", "shop.example", "s1", keys=tmp_path, code=1).output
