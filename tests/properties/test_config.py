"""A mistake anywhere in a right file is reported on its own line, and nothing but ConfigError ever comes out."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from streams.config import ConfigError, read

FOLDER = Path(__file__).parents[2] / "config"
RIGHT = {name: (FOLDER / name).read_text("utf-8") for name in ("tenants.toml", "pools.toml", "lanes.toml")}
NUMBERED = [(name, n, line) for name, text in RIGHT.items() for n, line in enumerate(text.split("\n"))]
ASSIGNMENTS = [(name, n) for name, n, line in NUMBERED if " = " in line]


def problems(files: dict[str, str]) -> list[tuple[str, int]]:
    try:
        read(files)
    except ConfigError as e:
        return [(p.file, p.line) for p in e.problems]
    return []


def changed(name: str, number: int, line: str) -> dict[str, str]:
    lines = RIGHT[name].split("\n")
    lines[number] = line
    return {**RIGHT, name: "\n".join(lines)}


def test_the_development_configuration_is_right() -> None:
    assert problems(RIGHT) == []


@given(st.sampled_from(ASSIGNMENTS))
def test_a_value_of_the_wrong_type_is_reported_on_its_line(place: tuple[str, int]) -> None:
    name, number = place
    key = RIGHT[name].split("\n")[number].partition(" = ")[0]
    assert (name, number + 1) in problems(changed(name, number, f"{key} = 1979-05-27"))


@given(st.sampled_from(ASSIGNMENTS), st.from_regex(r"[a-z]{5,9}zz", fullmatch=True))
def test_an_unknown_key_is_reported_on_its_line(place: tuple[str, int], key: str) -> None:
    name, number = place
    line = RIGHT[name].split("\n")[number]
    if line[0] != '"' and "sender_domains" not in line:
        assert (name, number + 1) in problems(changed(name, number, f"{key} = 1"))


@given(st.sampled_from(list(RIGHT)), st.text())
@example("lanes.toml", "\ud800")
@example("lanes.toml", "lanes = 1")
@example("tenants.toml", "[tenants]")
@example("tenants.toml", "[[tenants]]\n[[tenants]]")
def test_any_text_is_read_or_refused_with_a_line_that_exists(name: str, text: str) -> None:
    for file, line in problems({**RIGHT, name: text}):
        assert 1 <= line <= {**RIGHT, name: text}[file].count("\n") + 1


@given(st.sampled_from(NUMBERED))
def test_a_line_that_is_no_toml_is_named(place: tuple[str, int, str]) -> None:
    name, number, line = place
    found = problems(changed(name, number, line + " = ="))
    # within a comment it is none
    assert found == ([] if "#" in line else [(name, number + 1)])
