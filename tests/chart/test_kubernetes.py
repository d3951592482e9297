"""Every object fits the schemas of the Kubernetes versions that are supported, over the combinations of switches."""

import itertools
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from tests.chart.crds import SCHEMAS
from tests.chart.rendering import CHART, EXAMPLES, MINIMAL, Object, helm, of_kind, rendered

VERSIONS = ("1.28", "1.31", "1.34", "1.37")
SWITCHES = {
    "jobs.useHelmHooks": ("true", "false"),
    "networkPolicy.enabled": ("true", "false"),
    "podMonitor.enabled": ("true", "false"),
    "workers.deliver.autoscaling": ('{"enabled":true}', '{"enabled":false}'),
    "workers.deliver.replicas": ("0", "3"),
}
COMBINATIONS = [
    tuple(f"{name}={value}" for name, value in zip(SWITCHES, chosen, strict=True))
    for chosen in itertools.product(*SWITCHES.values())
]


def check(objects: list[Object], version: str) -> None:
    for o in objects:
        if o["kind"] in SCHEMAS:
            jsonschema.validate(o, SCHEMAS[o["kind"]])
        else:
            kubernetes_validate.validate(o, version, strict=True)


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda p: p.stem)
def test_helm_lints_it(values: Path) -> None:
    done = helm("lint", "--strict", str(CHART), "-f", str(values))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", EXAMPLES, ids=lambda p: p.stem)
def test_objects_fit_kubernetes(values: Path, version: str) -> None:
    check(rendered(values, kubernetes=f"{version}.0"), version)


@pytest.mark.parametrize("sets", COMBINATIONS, ids=lambda s: " ".join(p.rpartition("=")[2] for p in s))
def test_every_combination_of_switches_fits(sets: tuple[str, ...]) -> None:
    objects = rendered(MINIMAL, *sets)
    check(objects, "1.37")
    deliver = next(o for o in of_kind(objects, "Deployment") if o["metadata"]["name"].endswith("-deliver"))
    scaled = of_kind(objects, "ScaledObject")
    assert ("replicas" in deliver["spec"]) == (not scaled)
    assert bool(of_kind(objects, "NetworkPolicy")) == ("networkPolicy.enabled=true" in sets)
    assert bool(of_kind(objects, "PodMonitor")) == ("podMonitor.enabled=true" in sets)


def test_an_older_kubernetes_is_refused() -> None:
    done = helm("template", "mail", str(CHART), "-f", str(MINIMAL), "--kube-version", "1.27.9")
    assert "incompatible with Kubernetes v1.27.9" in done.stderr


def test_the_package_holds_no_test_values(tmp_path: Path) -> None:
    done = helm("package", str(CHART), "-d", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("streampost-*.tgz")
    listed = helm("show", "all", str(package))
    assert "## Values" in listed.stdout


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda p: p.stem)
def test_an_installation_needs_no_cluster_to_be_planned_and_shows_its_notes(values: Path) -> None:
    done = helm("install", "mail", str(CHART), "-f", str(values), "--dry-run=client")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.rpartition("NOTES:")[2]
    assert "deliver: deliver" in notes
    assert ".requests.transactional" in notes
