"""The Dockerfile: everything that it copies is there, it runs as nobody in particular, and it starts streampost."""

import fnmatch
import tomllib
from pathlib import Path

from tests.project import dockerfile
from tools import chart_docs

ROOT = Path(__file__).resolve().parents[2]
IMAGE = dockerfile.read(ROOT / "Dockerfile")


def of(name: str) -> list[dockerfile.Instruction]:
    return [i for i in IMAGE if i.name == name]


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    copied = [source for i in of("COPY") if "from" not in i.flags for source in i.arguments[:-1]]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert not any(fnmatch.fnmatch(source, pattern) for pattern in ignored), source


def test_every_package_and_its_metadata_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = {source for i in of("COPY") for source in i.arguments[:-1]}
    needed = {*packages, "pyproject.toml", "constraints.txt", project["project"]["readme"]}
    assert {*needed, *project["project"]["license-files"]} <= copied


def test_it_runs_streampost() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (entry,) = of("ENTRYPOINT")
    assert entry.words == ["streampost"]
    assert "streampost" in project["project"]["scripts"]


def test_it_runs_as_the_user_that_the_chart_names() -> None:
    last_stage = IMAGE[max(n for n, i in enumerate(IMAGE) if i.name == "FROM") :]
    (user,) = [i.rest for i in last_stage if i.name == "USER"]
    context = chart_docs.schema()["properties"]["podSecurityContext"]["default"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["runAsUser"] > 0


def test_the_final_stage_takes_only_the_environment_that_was_built() -> None:
    stages = {i.arguments[-1]: i for i in of("FROM") if " AS " in i.rest}
    (copied,) = [i for i in of("COPY") if "from" in i.flags]
    assert copied.flags["from"] in stages
    assert all(i.words[0] == of("FROM")[0].words[0] for i in of("FROM")), "both stages need the same Python"


def test_packages_are_installed_from_the_lock() -> None:
    installs = [i.rest for i in of("RUN") if "pip install" in i.rest]
    assert installs
    assert all("--constraint constraints.txt" in i for i in installs)


def test_every_build_back_end_is_there_before_packages_are_built() -> None:
    # a package without a wheel needs setuptools, which no Python ships any more; a warm cache of pip hides that
    for script in ("Dockerfile", "tools/setup-python"):
        before, isolated, _ = (ROOT / script).read_text("utf-8").partition("--no-build-isolation")
        assert isolated
        assert "hatchling" in before, script
        assert "setuptools" in before, script
