"""`streampost dkim keygen | record`: DKIM keys and the DNS records that publish them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.output import fail

if TYPE_CHECKING:
    from agents.keys import PrivateKey

KeysDir = Annotated[Path | None, typer.Option(help="Folder of the keys; keys/ in STREAMPOST_CONFIG_DIR by default.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="DKIM keys (RFC 6376), and the DNS records that publish them.", no_args_is_help=True)
    group.command("keygen")(keygen)
    group.command("record")(record)
    app.add_typer(group, name="dkim")


def keygen(
    domain: str,
    selector: str,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="Ed25519 (RFC 8463) instead of RSA.")] = False,
    bits: Annotated[int, typer.Option(min=2048, max=4096, help="Size of an RSA key.")] = 2048,
    keys_dir: KeysDir = None,
) -> None:
    """Make a key, write it where streampost looks for it, and print the DNS record to publish."""
    from agents.keys import create_key  # noqa: PLC0415
    from streams.dkim import ED25519, RSA  # noqa: PLC0415

    name, path = _place(domain, selector, keys_dir)
    try:
        key = create_key(path, ED25519 if ed25519 else RSA, bits)
    except FileExistsError:
        fail(f"{path} exists; a key in use is never replaced: choose a new selector")
    except OSError as e:
        fail(f"{path}: {e.strerror}")
    typer.echo(f"; key in {path}", err=True)
    _print_record(name, selector, key)


def record(domain: str, selector: str, keys_dir: KeysDir = None) -> None:
    """Print the DNS record of a key that exists."""
    from agents.keys import KeyFileError, load_key  # noqa: PLC0415

    name, path = _place(domain, selector, keys_dir)
    try:
        key = load_key(path)
    except KeyFileError as e:
        fail(e)
    _print_record(name, selector, key)


def _place(domain: str, selector: str, keys_dir: Path | None) -> tuple[str, Path]:
    """The domain as A-labels, and the file of the key. What is no domain or selector never becomes a path."""
    from agents.keys import key_path  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from schemas.address import domain_alabel  # noqa: PLC0415
    from schemas.errors import AddressError  # noqa: PLC0415

    try:
        name = domain_alabel(domain)
        domain_alabel(f"{selector}._domainkey.example".replace("_", ""))
    except AddressError as e:
        fail(e, 2)
    return name, key_path(keys_dir or load().config_dir / "keys", name, selector)


def _print_record(domain: str, selector: str, key: "PrivateKey") -> None:
    """One line of a zone file. RFC 6376 section 3.6.2.2: the strings of a TXT record are joined without spaces."""
    from agents.keys import dns_record  # noqa: PLC0415

    strings = " ".join(f'"{part}"' for part in dns_record(key))
    typer.echo(f"{selector}._domainkey.{domain}. IN TXT ( {strings} )")
