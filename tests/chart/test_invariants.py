"""What must hold for every object, whatever the values (helm.md: habits worth taking)."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import EXAMPLES, MINIMAL, Object, container, of_kind, pods, rendered, rendered_text, worker

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?\Z")
LONG_NAME = 'fullnameOverride="' + "a" * 40 + '"'
LONG_WORKER = 'workers={"deliver":{"role":"deliver"},"' + "b" * 20 + '":{"role":"delay","replicas":2}}'
SERVED = {"inbound": ["smtp"], "web": ["http"]}
GRACE = 'workerDefaults={"terminationGracePeriodSeconds":300}'
NAMES = ("deliver", "delay", "sink", "quota", "feedback", "inbound", "web")
EVERYTHING: list[tuple[Path, tuple[str, ...]]] = [
    *((e, ()) for e in EXAMPLES),
    (MINIMAL, (LONG_NAME, LONG_WORKER, GRACE, "networkPolicy.enabled=true")),
]

everything = pytest.mark.parametrize(("values", "sets"), EVERYTHING, ids=["full", "minimal", "long names"])


@everything
def test_names_and_labels_are_legal(values: Path, sets: tuple[str, ...]) -> None:
    for o in rendered(values, *sets):
        assert DNS_LABEL.match(o["metadata"]["name"]), o["metadata"]["name"]
        for label in o["metadata"].get("labels", {}).values():
            assert LABEL_VALUE.match(label), label


@everything
def test_no_two_objects_share_a_name(values: Path, sets: tuple[str, ...]) -> None:
    keys = [(o["kind"], o["metadata"]["name"]) for o in rendered(values, *sets)]
    assert len(set(keys)) == len(keys)


@everything
def test_selectors_match_their_pods_and_name_no_version(values: Path, sets: tuple[str, ...]) -> None:
    objects = rendered(values, *sets)
    selectors: set[frozenset[tuple[str, str]]] = set()
    for o in of_kind(objects, "Deployment"):
        selector = o["spec"]["selector"]["matchLabels"]
        assert selector.items() <= o["spec"]["template"]["metadata"]["labels"].items()
        # frozen: a selector cannot be changed in a running release
        assert set(selector) == {f"app.kubernetes.io/{part}" for part in ("name", "instance", "component")}
        selectors.add(frozenset(selector.items()))
    assert len(selectors) == len(of_kind(objects, "Deployment"))
    for o in of_kind(objects, "PodDisruptionBudget"):
        assert frozenset(o["spec"]["selector"]["matchLabels"].items()) in selectors
    for o in of_kind(objects, "NetworkPolicy"):
        assert frozenset(o["spec"]["podSelector"]["matchLabels"].items()) in selectors


@everything
def test_jobs_are_not_selected_by_a_worker(values: Path, sets: tuple[str, ...]) -> None:
    objects = rendered(values, *sets)
    for job in of_kind(objects, "Job"):
        labels = job["spec"]["template"]["metadata"]["labels"].items()
        for o in of_kind(objects, "Deployment"):
            assert not o["spec"]["selector"]["matchLabels"].items() <= labels


@everything
def test_every_pod_passes_pod_security_restricted(values: Path, sets: tuple[str, ...]) -> None:
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    for name, pod in pods(rendered(values, *sets)):
        spec = pod["spec"]
        assert not any(spec.get(k) for k in ("hostNetwork", "hostPID", "hostIPC")), name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for c in spec["containers"]:
            assert c["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
        assert all(set(v) - {"name"} <= allowed for v in spec["volumes"])


@everything
def test_every_container_says_what_it_needs_and_where_it_may_write(values: Path, sets: tuple[str, ...]) -> None:
    for name, pod in pods(rendered(values, *sets)):
        for c in pod["spec"]["containers"]:
            assert {"cpu", "memory"} <= set(c["resources"]["requests"]), name
            assert "memory" in c["resources"]["limits"]
            assert {"name": "tmp", "mountPath": "/tmp"} in c["volumeMounts"]
            mounted, volumes = {m["name"] for m in c["volumeMounts"]}, {v["name"] for v in pod["spec"]["volumes"]}
            assert mounted == volumes


@everything
def test_every_worker_has_its_probes(values: Path, sets: tuple[str, ...]) -> None:
    for o in of_kind(rendered(values, *sets), "Deployment"):
        c = container(o)
        assert [p["name"] for p in c["ports"]] == ["health", *SERVED.get(c["name"], [])]
        # balancers hear late that a pod goes
        assert ("lifecycle" in c) == (c["name"] in SERVED)
        paths = {k: c[k]["httpGet"] for k in ("startupProbe", "readinessProbe", "livenessProbe")}
        assert paths == {
            "startupProbe": {"path": "/ready", "port": "health"},
            "readinessProbe": {"path": "/ready", "port": "health"},
            "livenessProbe": {"path": "/live", "port": "health"},
        }
        assert c["startupProbe"]["failureThreshold"] * c["startupProbe"]["periodSeconds"] >= 600


@everything
def test_images_are_pinned(values: Path, sets: tuple[str, ...]) -> None:
    for _, pod in pods(rendered(values, *sets)):
        for c in pod["spec"]["containers"]:
            assert re.search(r"(:[^:@]+|@sha256:[0-9a-f]{64})$", c["image"])
            assert not c["image"].endswith(":latest")


@everything
def test_there_is_no_secret_and_none_in_plain_sight(values: Path, sets: tuple[str, ...]) -> None:
    objects = rendered(values, *sets)
    assert of_kind(objects, "Secret") == []
    for o in of_kind(objects, "ConfigMap"):
        assert "PRIVATE KEY" not in str(o)
    for _, pod in pods(objects):
        for e in pod["spec"]["containers"][0]["env"]:
            assert e["name"].endswith("_FILE") or not re.search("PASSWORD|SECRET|TOKEN|HASH_KEY", e["name"])


@everything
def test_rendering_twice_is_identical(values: Path, sets: tuple[str, ...]) -> None:
    first = rendered_text(values, sets)
    assert rendered_text.__wrapped__(values, sets) == first


def test_a_hook_needs_nothing_that_is_created_after_it() -> None:
    objects = rendered(MINIMAL)
    hooks = [o for o in objects if "helm.sh/hook" in o["metadata"].get("annotations", {})]
    made = {o["metadata"]["name"] for o in objects} - {o["metadata"]["name"] for o in hooks}
    assert {o["spec"]["template"]["spec"]["containers"][0]["name"] for o in hooks} == {"topics", "migrate"}
    for o in hooks:
        assert not made & set(_words(o["spec"]))
    weights = {o["metadata"]["name"]: int(o["metadata"]["annotations"]["helm.sh/hook-weight"]) for o in hooks}
    assert weights["mail-streampost-topics"] < weights["mail-streampost-migrate"] < 0


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [w for v in value.values() for w in _words(v)]
    if isinstance(value, list):
        return [w for v in value for w in _words(v)]
    return [str(value)]


def test_a_plain_job_has_the_same_name_until_it_does_something_else() -> None:
    def names(*sets: str) -> set[str]:
        objects = rendered(MINIMAL, "jobs.useHelmHooks=false", *sets)
        return {o["metadata"]["name"] for o in of_kind(objects, "Job")}

    assert names() == names('commonLabels={"a":"b"}')
    assert not names() & names('image.tag="9.9.9"')
    assert len(names() & names("settings.replication=3")) == 0


def test_a_budget_is_only_for_what_has_several_pods() -> None:
    objects = rendered(MINIMAL, "workers.deliver.replicas=1", "workers.sink.replicas=2")
    names = {o["metadata"]["name"] for o in of_kind(objects, "PodDisruptionBudget")}
    assert names == {f"mail-streampost-{n}" for n in ("delay", "sink", "quota", "feedback", "inbound", "web")}


def test_changing_the_configuration_rolls_those_that_read_it() -> None:
    def marks(*sets: str) -> dict[str, Any]:
        objects = rendered(MINIMAL, *sets)
        return {n: worker(objects, n)["spec"]["template"]["metadata"].get("annotations") for n in NAMES}

    before, after = marks(), marks('config.lanes="x = 1"')
    rolled = {n for n in NAMES if before[n] != after[n]}
    assert rolled == {"deliver", "feedback", "inbound", "web"}


def test_every_network_policy_lets_the_worker_reach_what_it_needs() -> None:
    def ports(o: Object) -> set[int]:
        return {p["port"] for rule in o["spec"]["egress"] for p in rule["ports"]}

    objects = of_kind(rendered(MINIMAL, "networkPolicy.enabled=true"), "NetworkPolicy")
    found = {o["metadata"]["name"].rpartition("-")[2]: ports(o) for o in objects}
    most = {name: {53, 9092} for name in NAMES}
    assert found == most | {"deliver": {53, 9092, 25}, "sink": {53, 9092, 8123, 8443}}


def test_a_network_policy_lets_in_what_the_role_serves_and_from_where() -> None:
    def ingress(values: Path) -> dict[str, Any]:
        objects = of_kind(rendered(values, "networkPolicy.enabled=true"), "NetworkPolicy")
        return {o["metadata"]["name"].rpartition("streampost-")[2]: o["spec"]["ingress"] for o in objects}

    served = {"inbound": [{"ports": [{"port": 2525}]}], "web": [{"ports": [{"port": 8025}]}]}
    assert ingress(MINIMAL) == {n: [{"ports": [{"port": 8080}]}, *served.get(n, [])] for n in NAMES}
    found = ingress(EXAMPLES[0])
    assert found["web"][1]["from"] == [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]
    assert found["inbound"][1] == {"ports": [{"port": 2525}]}
    assert len(found["deliver"]) == 1
