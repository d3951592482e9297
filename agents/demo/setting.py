"""What the demo needs before anything runs: configuration, keys, topics, tables, templates, an opt-out list."""

import json
import os
import shutil
from pathlib import Path

from agents import clock, topics_admin
from agents.config_files import load
from agents.demo.requests import OPTED_OUT
from agents.keys import create_key, dns_record, key_path
from agents.outbox import Record
from agents.records_writer import write_all
from agents.settings import Settings
from agents.tables import SUPPRESSIONS, TEMPLATES, TemplateKey
from agents.template_files import read_template
from schemas import address, codec, ids
from schemas.records import ANY, Suppression, template_fields
from streams.dkim import ED25519, RSA
from streams.suppress import Scope, SuppressionKey

MARK = ".streampost-demo"
KEPT_SETTINGS = ("STREAMPOST_KAFKA",)


class FolderError(ValueError):
    """The folder is not the demo's to empty."""


def prepare_environ() -> None:
    """Forget settings of the shell, such as those for an earlier demo: they would be for other processes than ours."""
    for name in [n for n in os.environ if n.startswith("STREAMPOST_") and not n.startswith(KEPT_SETTINGS)]:
        del os.environ[name]


def prepare_folder(folder: Path) -> None:
    """An empty folder for the run. Raises FolderError when there is anything in it that no demo has put there."""
    if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
        raise FolderError(f"{folder} is not empty and no demo's folder: name another one with --folder, or delete it")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    (folder / MARK).touch()


def prepare_config(source: Path, folder: Path) -> Path:
    """A copy of the configuration with fresh keys, and the DNS zone that publishes them. Returns the zone file."""
    config_dir = folder / "config"
    shutil.copytree(source, config_dir, dirs_exist_ok=True)
    zone: dict[str, dict[str, list[str]]] = {}
    for tenant in load(config_dir).tenants.values():
        for domain in tenant.sender_domains.values():
            for selector, algorithm in ((domain.selector, RSA), (domain.ed25519_selector, ED25519)):
                if selector:
                    key = create_key(key_path(config_dir / "keys", domain.domain, selector), algorithm)
                    zone[f"{selector}._domainkey.{domain.domain}"] = {"TXT": ["".join(dns_record(key))]}
    path = folder / "zone.json"
    path.write_text(json.dumps(zone, indent=1), "utf-8")
    return path


def prepare_topics(settings: Settings) -> None:
    """Create what is missing."""
    admin, wanted = topics_admin.client(settings), topics_admin.wanted_topics(settings)
    topics_admin.create_missing(admin, wanted, topics_admin.read_topics(admin, [t.name for t in wanted]))


def prepare_tables(settings: Settings) -> None:
    """Templates and the opt-out list, on their compacted topics."""
    now_ms = clock.now_ms()
    records = []
    for folder in sorted(p for p in (settings.config_dir / "templates").iterdir() if p.is_dir()):
        template = read_template(folder)._replace(version=1, created_at=now_ms, author="demo")
        key = TemplateKey(template.id, template.version).encode()
        records.append(
            Record(f"{settings.topic_prefix}.{TEMPLATES}", key, codec.encode("Template", template_fields(template)))
        )
    for text in OPTED_OUT:
        hashed = ids.address_hash(settings.address_key, address.parse(text).normalised)
        entry = Suppression(ANY, hashed, text, ANY, "manual", "demo", now_ms)
        key = SuppressionKey(Scope(ANY, ANY), hashed).encode()
        records.append(
            Record(f"{settings.topic_prefix}.{SUPPRESSIONS}", key, codec.encode("Suppression", entry._asdict()))
        )
    write_all(settings.librdkafka(), records)
