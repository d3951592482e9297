"""The pages about settings and configuration say what the code says."""

import re
import tomllib
from pathlib import Path

from schemas.avro_files import current
from streams.config_check import MODELS, check_file
from tools.settings_page import PAGE, page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_settings_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m tools.settings_page"


def test_the_configuration_page_names_every_key_and_no_other() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", (DOCS / "configuration.md").read_text("utf-8"), re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    tables = {"tenants", "sources", "pools", "lanes", "providers"}
    wanted = {f.alias or key for models in MODELS.values() for m in models for key, f in m.model_fields.items()}
    assert named - tables == wanted - tables


def test_the_examples_of_the_configuration_page_are_right() -> None:
    page_text = (DOCS / "configuration.md").read_text("utf-8")
    parts = re.split(r"^## (\w+\.toml)$", page_text, flags=re.MULTILINE)[1:]
    examples = dict(zip(parts[::2], parts[1::2], strict=True))
    assert examples.keys() == MODELS.keys()
    for name, text in examples.items():
        (example,) = re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        assert check_file(name, tomllib.loads(example))[1] == ()


def test_the_producers_page_has_the_fingerprint_of_the_schema() -> None:
    text = (DOCS / "producers.md").read_text("utf-8")
    assert text.count(current("EmailRequest").fingerprint.hex()) == 2
