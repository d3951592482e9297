"""The README's commands exist, and every test belongs to exactly one group that `make test` runs."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.groups import SERIAL_MARKS, group_of

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", ".ci/run"])
def test_every_make_target_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)\b", text))
    assert named <= TARGETS


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert re.search(r"\bmake demo\b", text)
    assert re.search(r"\bmake test\b", text)


def test_make_test_runs_everything() -> None:
    (prerequisites,) = re.findall(r"^test:(.*)$", MAKEFILE, re.MULTILINE)
    assert {"check", "unit", "chart", "integration"} <= set(prerequisites.split())
    assert set(re.findall(r"--group=([a-z]+)", MAKEFILE)) == {"fast", "chart", "serial"}


@pytest.mark.parametrize(
    ("folder", "marks", "group"),
    [
        ("unit", set(), "fast"),
        ("project", set(), "fast"),
        ("contracts", {"kafka"}, "serial"),
        ("unit", {"clickhouse"}, "serial"),
        ("integration", set(), "serial"),
        ("chaos", {"chaos", "kafka"}, "serial"),
        ("chart", {"chart"}, "chart"),
    ],
)
def test_groups(folder: str, marks: set[str], group: str) -> None:
    assert group_of(folder, marks) == group


def test_the_groups_know_the_marks_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(f'"{mark}: ' in text for mark in SERIAL_MARKS)


@pytest.mark.parametrize("script", ["tools/setup-python", "tools/setup-kafka", "tools/setup-mail-servers", ".ci/run"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    shell = path.read_text("utf-8").splitlines()[0].rpartition("/")[2].split()[-1]
    assert subprocess.run([shell, "-n", str(path)], check=False).returncode == 0
