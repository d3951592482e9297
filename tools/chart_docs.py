"""What the chart repeats: values.yaml and the README's table from values.schema.json, lanes.toml from config/.

`python tools/chart_docs.py` writes them; a test checks that they are current.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "helm" / "streampost"
BEGIN, END = "<!-- values: made by tools/chart_docs.py -->", "<!-- end of values -->"


def schema() -> dict[str, Any]:
    """The schema of the values."""
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return found


def resolved(entry: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The entry with its reference to a definition followed."""
    for part in entry.get("allOf", []):
        name = part["$ref"].rpartition("/")[2]
        return {**root["definitions"][name], "description": entry["description"]}
    return entry


def default(entry: dict[str, Any], root: dict[str, Any]) -> Any:
    """The default of an entry; that of an object follows from its properties."""
    entry = resolved(entry, root)
    if "default" in entry:
        return entry["default"]
    return {name: default(e, root) for name, e in entry["properties"].items() if _in_values(name, entry)}


def _in_values(name: str, parent: dict[str, Any]) -> bool:
    return not (name == "role" and parent.get("description", "").startswith("What every worker"))


def values_yaml(root: dict[str, Any]) -> str:
    """The text of values.yaml: each value with its description above it."""
    lines = ["# Made from values.schema.json by tools/chart_docs.py: change it there.", ""]
    for name, entry in root["properties"].items():
        lines += [*_yaml_entry(name, entry, root, ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def _yaml_entry(name: str, entry: dict[str, Any], root: dict[str, Any], indent: str) -> Iterator[str]:
    entry = resolved(entry, root)
    yield f"{indent}# {entry['description']}"
    if "default" not in entry:
        yield f"{indent}{name}:"
        for child, e in entry["properties"].items():
            if _in_values(child, entry):
                yield from _yaml_entry(child, e, root, indent + "  ")
        return
    text = yaml.dump({name: entry["default"]}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    yield from (f"{indent}{line}".rstrip() for line in text.splitlines())


class _Dumper(yaml.SafeDumper):
    """Block style for text of several lines."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def table(root: dict[str, Any]) -> str:
    """The table of values in Markdown."""
    rows = ["| value | default | meaning |", "| --- | --- | --- |"]
    for name, entry in root["properties"].items():
        rows += _rows(name, entry, root)
    return "\n".join(rows)


def _rows(path: str, entry: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    entry = resolved(entry, root)
    if "default" in entry:
        shown = json.dumps(entry["default"], ensure_ascii=False)
        shown = "see values.yaml" if len(shown) > 60 else f"`{shown}`"
        yield f"| `{path}` | {shown} | {entry['description']} |".replace("\n", " ")
        return
    yield f"| `{path}` | | {entry['description']} |"
    for name, child in entry["properties"].items():
        if _in_values(name, entry):
            yield from _rows(f"{path}.{name}", child, root)


def readme(text: str, root: dict[str, Any]) -> str:
    """The README with its table replaced."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table(root)}\n{END}{tail}"


def made() -> dict[Path, str]:
    """Every file that is made, with what it must hold."""
    root, page = schema(), CHART / "README.md"
    return {
        CHART / "values.yaml": values_yaml(root),
        page: readme(page.read_text("utf-8"), root),
        CHART / "files" / "lanes.toml": (CHART.parent.parent / "config" / "lanes.toml").read_text("utf-8"),
    }


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text, "utf-8")
