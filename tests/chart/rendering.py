"""Rendering the chart with a real helm binary, once per set of values, into plain objects."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.helm_binary import helm_binary

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "streampost"
EXAMPLES = sorted((ROOT / "helm" / "ci").glob("*.yaml"))
MINIMAL = ROOT / "helm" / "ci" / "minimal.yaml"

Object = dict[str, Any]


class UniqueKeyLoader(yaml.SafeLoader):
    """A YAML reader that refuses a key that comes twice, which Kubernetes would settle silently."""


def _mapping(loader: UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(k) for k, _ in node.value]
    if twice := {k for k in keys if keys.count(k) > 1}:
        raise yaml.constructor.ConstructorError(None, None, f"keys that come twice: {twice}", node.start_mark)
    return dict(loader.construct_pairs(node, deep=True))


UniqueKeyLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def helm(*args: str) -> "subprocess.CompletedProcess[str]":
    """Run helm; the caller looks at the return code."""
    return subprocess.run([str(helm_binary()), *args], capture_output=True, text=True, check=False, timeout=60)


@cache
def rendered_text(values: Path, sets: tuple[str, ...] = (), kubernetes: str = "1.34.0") -> str:
    """What helm prints for a file of values and some --set-json; fails the test when helm does."""
    changes = [part for s in sets for part in ("--set-json", s)]
    done = helm("template", "mail", str(CHART), "-f", str(values), "--kube-version", kubernetes, *changes)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(values: Path, *sets: str, kubernetes: str = "1.34.0") -> list[Object]:
    """The objects of a release."""
    text = rendered_text(values, sets, kubernetes)
    return [o for o in yaml.load_all(text, UniqueKeyLoader) if o]


def refusal(*sets: str, values: Path = MINIMAL) -> str:
    """What helm says about values that it must refuse."""
    changes = [part for s in sets for part in ("--set-json", s)]
    done = helm("template", "mail", str(CHART), "-f", str(values), *changes)
    assert done.returncode != 0, "helm took values that it must refuse"
    return done.stderr


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [o for o in objects if o["kind"] in kinds]


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Name and pod template of everything that makes pods."""
    for o in of_kind(objects, "Deployment", "Job"):
        yield o["metadata"]["name"], o["spec"]["template"]


def worker(objects: list[Object], name: str) -> Object:
    """The Deployment of a worker."""
    return next(o for o in of_kind(objects, "Deployment") if o["metadata"]["name"] == f"mail-streampost-{name}")


def container(workload: Object) -> Object:
    """The one container of a Deployment or Job."""
    (found,) = workload["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def environment(workload: Object) -> dict[str, str]:
    """Environment of its container."""
    return {e["name"]: e["value"] for e in container(workload)["env"]}
