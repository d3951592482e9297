"""The line budget: 250 lines a file in the four packages, 400 in tests. Exits 1 and names what is over."""

import sys
from pathlib import Path

BUDGETS = {"schemas": 250, "streams": 250, "agents": 250, "analytics": 250, "tools": 250, "tests": 400}
"""Folder -> most lines that one Python file in it may have."""


def over(root: Path) -> list[str]:
    """One line of text for each file over its budget, worst first."""
    found = []
    for folder, most in BUDGETS.items():
        for path in (root / folder).rglob("*.py"):
            lines = path.read_text("utf-8").count("\n")
            if lines > most:
                found.append((lines - most, f"{path.relative_to(root)}: {lines} lines, {most} allowed"))
    return [text for _, text in sorted(found, reverse=True)]


if __name__ == "__main__":
    problems = over(Path(__file__).resolve().parent.parent)
    sys.stderr.writelines(line + "\n" for line in problems)
    sys.exit(bool(problems))
