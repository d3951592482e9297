"""The schema files: found by name, with the fingerprint that the Avro specification says, and their history."""

import json
from pathlib import Path

import pytest

from schemas.avro_files import NAMES, current, file_name, from_json, known, versions, without_logical_types


def test_file_names() -> None:
    assert file_name("EmailRequest") == "email_request.avsc"
    assert file_name("Template") == "template.avsc"


def test_avro_fingerprint_of_the_specifications_example() -> None:
    # "Schema Fingerprints" in the Avro specification: the empty fingerprint's example "int"
    assert int.from_bytes(from_json("x", "int").fingerprint, "little") == 0x7275D51A3F395C8F  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_known_by_its_fingerprint(name: str) -> None:
    schema = current(name)
    assert schema.json["name"] == name
    assert known(name)[schema.fingerprint] is schema


def test_fingerprints_differ() -> None:
    assert len({current(name).fingerprint for name in NAMES}) == len(NAMES)


def test_older_versions_are_read_from_the_history_folder(tmp_path: Path) -> None:
    def record(*names: str) -> str:
        fields = [{"name": n, "type": "string", "default": ""} for n in names]
        return json.dumps({"type": "record", "name": "Template", "fields": fields})

    (tmp_path / "history").mkdir()
    (tmp_path / "template.avsc").write_text(record("id", "body"))
    (tmp_path / "history" / "template.1.avsc").write_text(record("id"))
    (tmp_path / "history" / "template_group.1.avsc").write_text(record("other"))
    found = versions("Template", tmp_path)
    assert [[f["name"] for f in s.json["fields"]] for s in found] == [["id", "body"], ["id"]]


def test_without_a_history_folder_there_is_only_today(tmp_path: Path) -> None:
    (tmp_path / "template.avsc").write_text(json.dumps(current("Template").json))
    assert len(versions("Template", tmp_path)) == 1


def test_logical_types_are_taken_out_at_every_depth() -> None:
    schema = {"type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "items": [{"logicalType": "x"}]}
    assert without_logical_types(schema) == {"type": ["null", {"type": "long"}], "items": [{}]}
