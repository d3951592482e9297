"""Chart and application agree: environment names, commands, groups, topics, files and time-outs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import agents.settings
import analytics.settings
from agents.cli import build
from agents.feedback import JOBS
from agents.smtp_terms import Limits, Timeouts
from agents.worker import Worker
from schemas.topics import LANES, requests
from streams.config import read
from streams.config_check import FILES, MODELS
from tests.chart.rendering import EXAMPLES, MINIMAL, ROOT, Object, container, environment, of_kind, rendered, worker
from tools import chart_docs

AGENTS = {agents.settings.PREFIX + n.upper() for n in agents.settings.Settings.model_fields}
ANALYTICS = {analytics.settings.PREFIX + n.upper() for n in analytics.settings.Settings.model_fields}

examples = pytest.mark.parametrize("values", EXAMPLES, ids=lambda p: p.stem)


def ours(workload: Object) -> dict[str, str]:
    return {k: v for k, v in environment(workload).items() if k.startswith("STREAMPOST_")}


def runs_analytics(workload: Object) -> bool:
    return container(workload)["args"][0] in {"sink", "migrate"}


def named_settings() -> set[str]:
    """The settings that values may name under `settings`."""
    return set(chart_docs.schema()["properties"]["settings"]["propertyNames"]["enum"])


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """An environment of this process that is put back afterwards."""
    before = {k: v for k, v in os.environ.items() if k.startswith("STREAMPOST_")}
    for name in before:
        del os.environ[name]
    yield os.environ  # type: ignore[misc]
    for name in [n for n in os.environ if n.startswith("STREAMPOST_")]:
        del os.environ[name]
    os.environ.update(before)


@examples
def test_every_environment_name_is_a_setting_of_the_process_that_gets_it(values: Path) -> None:
    shared = {
        agents.settings.PREFIX + n.upper()
        for n in chart_docs.schema()["properties"]["settings"]["propertyNames"]["enum"]
    }
    for workload in of_kind(rendered(values), "Deployment", "Job"):
        known = ANALYTICS if runs_analytics(workload) else AGENTS
        names = set(ours(workload))
        assert names <= AGENTS | ANALYTICS
        assert names - shared <= known, workload["metadata"]["name"]


@examples
def test_the_application_takes_the_environment(values: Path, environ: dict[str, str]) -> None:
    for workload in of_kind(rendered(values), "Deployment", "Job"):
        environ.update(ours(workload))
        settings = (analytics.settings if runs_analytics(workload) else agents.settings).load()
        assert settings.kafka == (ours(workload).get("STREAMPOST_KAFKA") or "127.0.0.1:9092")
        for name in ours(workload):
            del environ[name]


def test_the_settings_that_values_may_name_are_those_of_the_application() -> None:
    named = named_settings()
    known = set(agents.settings.Settings.model_fields) | set(analytics.settings.Settings.model_fields)
    assert named <= known
    of_the_chart = {n for w in of_kind(rendered(MINIMAL), "Deployment", "Job") for n in ours(w)}
    assert not {agents.settings.PREFIX + n.upper() for n in named} & of_the_chart


def test_every_worker_gets_its_health_port_and_listens_on_it() -> None:
    objects = rendered(MINIMAL, "healthPort=9000")
    for name in ("deliver", "delay", "sink", "quota", "feedback", "inbound", "web"):
        found, variable = worker(objects, name), "SINK_HEALTH_PORT" if name == "sink" else "HEALTH_PORT"
        assert ours(found)[f"STREAMPOST_{variable}"] == "9000"
        assert ours(found)["STREAMPOST_HOST"] == "0.0.0.0"
        assert container(found)["ports"][0] == {"name": "health", "containerPort": 9000}


def test_numbers_are_written_as_the_application_reads_them() -> None:
    objects = rendered(MINIMAL, "settings.slots_bulk=3000000", "workers.sink.settings.sink_linger=0.25")
    assert ours(worker(objects, "deliver"))["STREAMPOST_SLOTS_BULK"] == "3000000"
    assert ours(worker(objects, "sink"))["STREAMPOST_SINK_LINGER"] == "0.25"


def test_a_workers_setting_wins_over_the_common_one() -> None:
    objects = rendered(MINIMAL, "settings.slots_bulk=10", "workers.deliver.settings.slots_bulk=20")
    assert ours(worker(objects, "deliver"))["STREAMPOST_SLOTS_BULK"] == "20"


def test_every_argument_list_is_a_command() -> None:
    command = typer.main.get_command(build())
    for workload in of_kind([*rendered(EXAMPLES[0]), *rendered(MINIMAL)], "Deployment", "Job"):
        found = command
        words, options = _parted(container(workload)["args"])
        for word in words:
            found = found.commands[word]  # type: ignore[attr-defined]
        assert set(options) <= {o for p in found.params for o in p.opts}


def _parted(args: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words of the command, and its options with their values."""
    first = next((n for n, a in enumerate(args) if a.startswith("--")), len(args))
    return args[:first], dict(zip(args[first::2], args[first + 1 :: 2], strict=True))


def test_the_roles_and_lanes_of_the_schema_are_the_applications() -> None:
    properties = chart_docs.schema()["definitions"]["worker"]["properties"]
    assert set(properties["lanes"]["items"]["enum"]) == set(LANES)
    assert set(properties["role"]["enum"]) <= set(typer.main.get_command(build()).commands)  # type: ignore[attr-defined]
    assert properties["jobs"]["items"]["enum"] == list(JOBS)


def test_every_job_runs_once_unless_values_say_otherwise() -> None:
    found = []
    for o in of_kind(rendered(MINIMAL), "Deployment"):
        words, options = _parted(container(o)["args"])
        if words == ["feedback"]:
            found += options["--jobs"].split(",")
    assert sorted(found) == sorted(JOBS)


def test_scaling_looks_at_the_group_and_topics_that_the_worker_reads() -> None:
    objects = rendered(EXAMPLES[0])
    (scaled,) = of_kind(objects, "ScaledObject")
    env = ours(next(o for o in of_kind(objects, "Deployment") if o["metadata"]["name"] == scaled["metadata"]["name"]))
    assert scaled["spec"]["scaleTargetRef"]["name"] == scaled["metadata"]["name"]
    triggers = [t["metadata"] for t in scaled["spec"]["triggers"]]
    lanes = env["STREAMPOST_LANES"].split(",")
    assert [t["topic"] for t in triggers] == [requests(env["STREAMPOST_TOPIC_PREFIX"], lane) for lane in lanes]
    group = Worker(agents.settings.Settings(group_prefix=env["STREAMPOST_GROUP_PREFIX"])).app.conf.id
    assert {t["consumerGroup"] for t in triggers} == {group}
    assert {t["bootstrapServers"] for t in triggers} == {env["STREAMPOST_KAFKA"]}


def test_lanes_apart_are_groups_apart() -> None:
    objects = rendered(EXAMPLES[0])
    found = {n: ours(worker(objects, n)) for n in ("deliver", "deliver-bulk")}
    assert {n: e["STREAMPOST_LANES"] for n, e in found.items()} == {"deliver": "transactional", "deliver-bulk": "bulk"}
    assert len({e["STREAMPOST_GROUP_PREFIX"] for e in found.values()}) == 2


def test_the_grace_period_covers_a_whole_attempt() -> None:
    text = (chart_docs.CHART / "templates" / "_checks.tpl").read_text("utf-8")
    least = int(text.partition('define "streampost.leastGrace" -}}')[2].partition("{{")[0])
    assert least >= Timeouts().hurried + Limits().patience_s + 30
    grace = worker(rendered(MINIMAL), "deliver")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace == 300


def test_the_configuration_files_are_those_that_the_application_reads() -> None:
    objects = rendered(MINIMAL)
    (config,) = of_kind(objects, "ConfigMap")
    assert set(config["data"]) == {name for name, needed in FILES.items() if needed}
    shipped = (ROOT / "streams" / "data" / "providers.toml").read_text("utf-8")
    assert set(read(config["data"], shipped).tenants) == {"shop"}
    more = [f'config.{name.removesuffix(".toml")}="x = 1"' for name in MODELS if not FILES.get(name)]
    assert set(of_kind(rendered(MINIMAL, *more), "ConfigMap")[0]["data"]) == set(MODELS)


def test_dkim_keys_are_mounted_where_the_application_looks_for_them() -> None:
    deliver = worker(rendered(EXAMPLES[0]), "deliver")["spec"]["template"]["spec"]
    (config,) = [v["projected"]["sources"] for v in deliver["volumes"] if v["name"] == "config"]
    paths = [i["path"] for s in config if "secret" in s for i in s["secret"]["items"]]
    assert paths == [
        "keys/shop.example/s2026.pem",
        "keys/shop.example/e2026.pem",
        "keys/letter.example/s2026.pem",
    ]


def test_only_who_signs_has_the_dkim_keys() -> None:
    has = {o["metadata"]["name"].rpartition("streampost-")[2] for o in _with_secret(rendered(EXAMPLES[0]), "dkim-shop")}
    assert has == {"deliver", "deliver-bulk"}


def test_only_who_reads_tokens_has_their_keys() -> None:
    found = _with_secret(rendered(EXAMPLES[0]), "streampost-tokens")
    assert {o["metadata"]["name"].rpartition("streampost-")[2] for o in found} == {
        "deliver",
        "deliver-bulk",
        "feedback",
        "web",
    }
    assert {ours(o)["STREAMPOST_TOKEN_KEYS_FILE"] for o in found} == {"/etc/streampost/tokens/token-keys"}


def _with_secret(objects: list[Object], name: str) -> list[Object]:
    volumes = {id(o): str(o["spec"]["template"]["spec"]["volumes"]) for o in of_kind(objects, "Deployment")}
    return [o for o in of_kind(objects, "Deployment") if f"'{name}'" in volumes[id(o)]]


@pytest.mark.parametrize(("role", "name", "usual"), [("inbound", "smtp", 25), ("web", "http", 80)])
def test_a_service_leads_to_the_port_that_the_process_listens_on(role: str, name: str, usual: int) -> None:
    objects = rendered(MINIMAL)
    deployment = worker(objects, role)
    (service,) = [o for o in of_kind(objects, "Service") if o["metadata"]["name"] == deployment["metadata"]["name"]]
    assert service["spec"]["ports"] == [{"name": name, "port": usual, "targetPort": name}]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    ports = {p["name"]: str(p["containerPort"]) for p in container(deployment)["ports"]}
    assert ports[name] == ours(deployment)[f"STREAMPOST_{role.upper()}_PORT"]
    assert ours(deployment)[f"STREAMPOST_{role.upper()}_HOST"] == "0.0.0.0"
    assert ports[name] == str(agents.settings.Settings.model_fields[f"{role}_port"].default)


def test_a_service_may_be_a_balancer_that_keeps_the_clients_address() -> None:
    services = {o["metadata"]["name"]: o for o in of_kind(rendered(EXAMPLES[0]), "Service")}
    inbound, web = (services[f"mail-streampost-{n}"] for n in ("inbound", "web"))
    assert inbound["spec"]["type"] == "LoadBalancer"
    assert inbound["spec"]["externalTrafficPolicy"] == "Local"
    assert inbound["metadata"]["annotations"] == {"example.com/balancer": "tcp"}
    assert web["spec"]["ports"][0]["port"] == 8080
    assert "externalTrafficPolicy" not in web["spec"]


def test_inbound_offers_tls_with_the_certificate_that_is_given() -> None:
    plain, secured = (ours(worker(rendered(values), "inbound")) for values in (MINIMAL, EXAMPLES[0]))
    assert not {n for n in plain if "TLS" in n}
    assert secured["STREAMPOST_INBOUND_TLS_CERT"] == "/etc/streampost/tls/tls.crt"
    assert secured["STREAMPOST_INBOUND_TLS_KEY"] == "/etc/streampost/tls/tls.key"


@examples
def test_every_file_of_the_environment_is_mounted(values: Path) -> None:
    for workload in of_kind(rendered(values), "Deployment", "Job"):
        spec = workload["spec"]["template"]["spec"]
        mounts = {m["mountPath"]: m["name"] for m in container(workload)["volumeMounts"]}
        volumes = {v["name"]: v for v in spec["volumes"]}
        for name, path in ours(workload).items():
            if name.endswith(("_FILE", "_TLS_CERT", "_TLS_KEY")):
                folder, _, file = path.rpartition("/")
                items = volumes[mounts[folder]]["secret"]["items"]
                assert file in {i["path"] for i in items}, name


def test_the_made_files_are_current() -> None:
    for path, text in chart_docs.made().items():
        assert path.read_text("utf-8") == text, f"{path} is not current: run python tools/chart_docs.py"


def test_every_value_is_described() -> None:
    root = chart_docs.schema()
    assert list(_undescribed(root["properties"], "")) == []
    assert list(_undescribed(root["definitions"], "")) == []


def _undescribed(properties: dict[str, Object], path: str) -> Iterator[str]:
    for name, entry in properties.items():
        if not entry.get("description") or not ("default" in entry or "properties" in entry or "allOf" in entry):
            yield path + name
        if "properties" in entry:
            if entry.get("additionalProperties") is not False:
                yield f"{path}{name} is open"
            yield from _undescribed(entry["properties"], f"{path}{name}.")
