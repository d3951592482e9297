"""A pytest plugin that splits the tests into groups that run at the same time, or must not.

fast    no broker, no ClickHouse, no killed processes: many at once, and coverage is measured
chart   the Helm chart: needs a helm binary
serial  the rest: the tests of a file one after another, since they share what they started
"""

from pathlib import Path

import pytest

SERIAL_MARKS = ("kafka", "clickhouse", "chaos")
SERIAL_FOLDERS = ("integration", "chaos")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--group", choices=("fast", "chart", "serial"), help="run only this group of tests")


def group_of(folder: str, marks: set[str]) -> str:
    """The group of a test in tests/<folder> with these marks."""
    if folder == "chart":
        return "chart"
    return "serial" if folder in SERIAL_FOLDERS or marks & set(SERIAL_MARKS) else "fast"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--group")
    if not wanted:
        return
    root = Path(__file__).parent

    def matches(item: pytest.Item) -> bool:
        folder = item.path.relative_to(root).parts[0]
        return group_of(folder, {m.name for m in item.iter_markers()}) == str(wanted)

    config.hook.pytest_deselected(items=[i for i in items if not matches(i)])
    items[:] = [i for i in items if matches(i)]
