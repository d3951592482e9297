"""The rooms: who may import whom, how long a file may be, and that every module belongs to the map."""

import subprocess
import sys
from pathlib import Path

from tools.line_budget import BUDGETS, over

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_imports_keep_to_the_rooms() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_a_stray_import_would_be_found(tmp_path: Path) -> None:
    """The contracts bite: a copy of the packages' skeleton with one wrong import is refused."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (tmp_path / "pyproject.toml").write_text(text)
    for package in ("schemas", "streams", "agents", "analytics"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "streams" / "clock.py").write_text("import time\n")
    (tmp_path / "analytics" / "peek.py").write_text("import streams.clock\n")
    (tmp_path / "agents" / "worker.py").write_text("import analytics.peek\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "streams.clock -> time" in done.stdout
    assert "analytics.peek -> streams.clock" in done.stdout
    assert "agents.worker -> analytics.peek" in done.stdout


def test_files_keep_to_the_line_budget() -> None:
    assert over(ROOT) == []


def test_a_file_over_the_budget_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams" / "long.py").write_text("x = 1\n" * (BUDGETS["streams"] + 1))
    (tmp_path / "streams" / "short.py").write_text("x = 1\n" * BUDGETS["streams"])
    assert over(tmp_path) == ["streams/long.py: 251 lines, 250 allowed"]


def test_product_code_never_imports_the_tests_or_the_tools() -> None:
    for package in ("schemas", "streams", "agents", "analytics"):
        for path in (ROOT / package).rglob("*.py"):
            lines = path.read_text("utf-8").splitlines()
            strays = [line for line in lines if line.lstrip().startswith(("from ", "import ")) and _is_stray(line)]
            assert not strays, path


def _is_stray(line: str) -> bool:
    return line.split()[1].partition(".")[0] in {"tests", "tools", "helm"}
