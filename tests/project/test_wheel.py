"""The wheel: the four packages with their data and nothing else, installable beside its dependencies, and usable."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = ("schemas", "streams", "agents", "analytics")

PROGRAM = """
import sys
site, root = sys.argv[1:]
sys.path[:] = [site, *(p for p in sys.path if p not in (root, ""))]
import schemas, streams, agents, analytics
assert all(m.__file__.startswith(site) for m in (schemas, streams, agents, analytics))
from pathlib import Path
from agents.config_files import load
from schemas.avro_files import NAMES, current
print(*(current(name).name for name in NAMES))
print(*sorted(load(Path(root, "config")).tenants))
"""
"""Finds its data and configuration; arguments: where the wheel lies unpacked, and the checkout."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of what git would give a stranger."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for name in (*PACKAGES, "tests", "helm", "tools", "config"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("streampost-*.whl")
    return found


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_holds_the_four_packages_only(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {t for t in tops if not t.endswith(".dist-info")} == set(PACKAGES)


def test_it_holds_every_data_file(wheel: Path) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name.rpartition(".")[2] for name in wanted} >= {"py", "avsc", "sql", "toml", "typed"}
    assert wanted <= names(wheel)


def test_each_package_says_that_it_is_typed(wheel: Path) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= names(wheel)


def test_it_has_the_command_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        assert "streampost = agents.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
        assert any(name.startswith(f"{info}/licenses/") for name in archive.namelist())


def test_it_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """Data is found inside the wheel, and nothing is imported from the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "site"), str(ROOT)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "EmailRequest" in done.stdout
    assert "shop" in done.stdout


def test_no_other_distribution_owns_our_names() -> None:
    owners = packages_distributions()
    for name in PACKAGES:
        assert set(owners.get(name, ["streampost"])) == {"streampost"}, name
    assert not {"tests", "helm", "tools"} & owners.keys()


def test_the_lock_names_every_dependency() -> None:
    def plain(requirement: str) -> str:
        name = requirement.split(";", maxsplit=1)[0].split("[", maxsplit=1)[0]
        for sign in "<>=~! ":
            name = name.split(sign)[0]
        return name.lower().replace("_", "-").replace(".", "-")

    locked = {plain(line) for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line}
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    assert {plain(r) for r in wanted} - {"streampost"} <= locked
