"""The compose file and the image, as far as they can be judged without an engine that runs them.

That the services really run, on a real broker, is told by ``test_compose_services.py``.
"""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from compose import (
    IMAGE,
    ROOT,
    andon_services,
    command,
    compose,
    environment,
    instructions,
    mounts,
    services,
)

from andon import __version__
from andon.checkpoints import checkpoint_topics
from andon.command_reference import commands
from andon.endpoints import open_endpoints
from andon.environment import variables
from andon.settings import Settings, load_settings
from producers.ingest_map import load_ingest_map
from producers.plant_messages import plant_topics

EVERY = sorted(services())
OURS = sorted(andon_services())
SERVED = [name for name in OURS if name not in ("topics", "receiver")]
OPTIONS = dict(commands())


def settings_of(name: str) -> Settings:
    return load_settings(None, environment(services()[name]))


def after(arguments: list[str], option: str) -> list[str]:
    return [value for at, value in pairwise(arguments) if at == option]


def loaded(path: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / path).read_text("utf-8"))
    return read


# -- the file --------------------------------------------------------------------------------------


def test_the_file_is_valid_by_the_schema_of_the_compose_specification() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = ["--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [checker, *schema, ROOT / "docker-compose.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_what_is_meant_to_run_is_there_with_two_workers() -> None:
    ran = {name: " ".join(each["command"]).split()[0] for name, each in andon_services().items()}
    assert set(ran.values()) == {"topics", "simulate", "ingest", "watch", "notify", "receive"}
    assert services()["worker"]["deploy"]["replicas"] == 2
    assert {"kafka", "prometheus", "grafana"} <= set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_service_is_pinned_watched_restarted_and_may_do_little(name: str) -> None:
    service = services()[name]
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), service["image"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    # Kafka's start script writes into its own folder; its image names its user itself.
    assert service["read_only"] is (name != "kafka")
    assert name == "kafka" or not service["user"].startswith(("0", "root"))
    once = name == "topics"
    assert service["restart"] == ("on-failure:5" if once else "unless-stopped")
    assert service["healthcheck"] == {"disable": True} if once else service["healthcheck"]["test"]


def test_only_this_machine_reaches_a_published_port() -> None:
    published = [port for each in services().values() for port in each.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", EVERY)
def test_what_is_mounted_is_there_and_read_only_or_a_named_volume(name: str) -> None:
    for mount in services()[name].get("volumes", ()):
        outside, _, *how = mount.split(":")
        if outside.startswith("."):
            assert (ROOT / outside).exists(), outside
            assert how == ["ro"]
        else:
            assert outside in compose()["volumes"]
            assert not how


def test_services_wait_for_services_that_are_there() -> None:
    for service in services().values():
        waited_for = service.get("depends_on") or {}
        assert set(waited_for) <= set(EVERY)
        for other, how in waited_for.items():
            finished = how["condition"] == "service_completed_successfully"
            assert finished is (other == "topics")
    assert set(services()["topics"]["depends_on"]) == {"kafka"}


# -- what andon is told ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_andon_reads(name: str) -> None:
    told = {each for each in services()[name]["environment"] if each.startswith("ANDON_")}
    secrets = {v for endpoint in settings_of(name).endpoints for v in endpoint.secrets_env}
    assert told <= {*variables(Settings), "ANDON_CONFIG", *secrets}


@pytest.mark.parametrize("name", OURS)
def test_the_settings_are_sound_and_lead_to_the_broker(name: str) -> None:
    settings = settings_of(name)
    broker = services()["kafka"]["environment"]
    [address] = settings.kafka.bootstrap_servers
    assert broker["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{address}"
    assert address.partition(":")[0] in EVERY
    assert settings.log.kind == "kafka"
    assert settings.kafka.allow_plaintext
    assert broker["KAFKA_LOG_DIRS"] in mounts(services()["kafka"])


def test_a_worker_that_is_replaced_goes_on_from_checkpoints_that_any_replica_can_read() -> None:
    worker, topics = settings_of("worker"), settings_of("topics")
    assert worker.checkpoint.store == "topic"
    assert worker.checkpoint.topic in [each.name for each in checkpoint_topics(topics)]


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_of_andons_with_options_that_it_has(name: str) -> None:
    arguments = command(services()[name])
    words = 2 if arguments[0] == "topics" else 1
    known = {o for p in OPTIONS["andon " + " ".join(arguments[:words])].params for o in p.opts}
    used = {argument for argument in arguments if argument.startswith("-")}
    assert used <= known


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_keeps_lies_on_a_volume(name: str) -> None:
    settings, kept = settings_of(name), []
    if name == "worker":
        kept = [settings.monitoring.state]
    elif name == "notifier":
        kept = [settings.notifier.outbox]
    folder = dict(instructions())["WORKDIR"]
    volumes = [inside for inside, outside in mounts(services()[name]).items() if "/" not in outside]
    for path in kept:
        assert any((folder / path).is_relative_to(inside) for inside in map(Path, volumes)), path
    assert environment_of_the_image()["NUMBA_CACHE_DIR"] in volumes


def test_the_plant_speaks_on_the_topics_that_are_made_and_that_ingest_reads() -> None:
    made = after(services()["topics"]["command"], "--also")
    [map_file] = after(command(services()["ingest"]), "--map")
    read = [topic.name for topic in load_ingest_map(Path(map_file)).topics]
    lines = [
        each["command"] for each in services().values() if "simulate" in each.get("command", ())
    ]
    assert {prefix for line in lines for prefix in after(line, "--plant")} == {"plant"}
    assert sorted(made) == sorted(read) == sorted(plant_topics("plant"))
    assert len({name for line in lines for name in after(line, "--line")}) == len(lines) > 0


def test_the_notifier_may_deliver_to_the_receiver_and_no_other_inner_host() -> None:
    receiver = services()["receiver"]["command"]
    [section] = settings_of("notifier").endpoints
    url = urlsplit(section.url)
    assert (section.name, url.hostname) == (receiver[1], "receiver")
    assert url.hostname in EVERY
    [subnet] = [each["subnet"] for each in compose()["networks"]["plant"]["ipam"]["config"]]
    assert section.allow_networks == (f"receiver={subnet}",)
    assert ipaddress.ip_network(subnet).is_private
    assert after(receiver, "--host") == ["0.0.0.0"]
    assert f":{url.port}/healthz" in services()["receiver"]["healthcheck"]["test"][-1]


def test_who_signs_and_who_verifies_know_the_secret_and_nobody_else() -> None:
    [section] = settings_of("notifier").endpoints
    [variable] = section.secrets_env
    holders = {name for name in OURS if variable in services()[name]["environment"]}
    assert holders == {"notifier", "receiver"}
    secrets = [
        open_endpoints([section], services()[name]["environment"])[0].secrets for name in holders
    ]
    assert secrets[0] == secrets[1]


def test_a_secret_comes_from_the_environment_and_its_default_is_said_to_be_a_demonstrations() -> (
    None
):
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    for line in text.splitlines():
        if "whsec_" in line and not line.startswith("#"):
            assert "${ANDON_SECRET_RECEIVER:-whsec_" in line
        if "PASSWORD:" in line:
            assert "${GRAFANA_PASSWORD:-demo-only}" in line
    assert "THE SECRETS BELOW ARE FOR THE DEMONSTRATION" in text


# -- who watches -----------------------------------------------------------------------------------


def test_prometheus_scrapes_every_service_that_serves_metrics_where_it_serves_them() -> None:
    config = mounts(services()["prometheus"])["/etc/prometheus/prometheus.yml"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in services()["prometheus"]["command"]
    [job] = loaded(config)["scrape_configs"]
    assert job["job_name"] == "andon"
    found = [target for each in job["static_configs"] for target in each["targets"]]
    found += [f"{name}:{each['port']}" for each in job["dns_sd_configs"] for name in each["names"]]
    assert sorted(found) == [f"{name}:{settings_of(name).monitoring.port}" for name in SERVED]
    replicated = {name for each in job["dns_sd_configs"] for name in each["names"]}
    assert replicated == {name for name in SERVED if "deploy" in services()[name]}


@pytest.mark.parametrize("name", SERVED)
def test_health_is_asked_for_where_it_is_served(name: str) -> None:
    monitoring = settings_of(name).monitoring
    assert monitoring.host == "0.0.0.0"
    test = services()[name]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "python", "-c"]
    assert f"http://127.0.0.1:{monitoring.port}/healthz" in test[-1]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    grafana = services()["grafana"]
    provisioning = mounts(grafana)["/etc/grafana/provisioning"]
    [source] = loaded(f"{provisioning}/datasources/andon.yml")["datasources"]
    url = urlsplit(source["url"])
    assert url.hostname in EVERY
    assert f":{url.port}/" in services()["prometheus"]["healthcheck"]["test"][-1]
    [provider] = loaded(f"{provisioning}/dashboards/andon.yml")["providers"]
    dashboards = {
        inside: outside
        for inside, outside in mounts(grafana).items()
        if Path(inside).is_relative_to(provider["options"]["path"])
    }
    assert set(dashboards) == {grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]}
    [file] = dashboards.values()
    [asked] = json.loads((ROOT / file).read_text("utf-8"))["templating"]["list"][:1]
    assert (asked["type"], asked["query"]) == ("datasource", source["type"])
    assert source["isDefault"]


# -- the image -------------------------------------------------------------------------------------


def environment_of_the_image() -> dict[str, str]:
    last = max(at for at, (word, _) in enumerate(instructions()) if word == "FROM")
    said = [rest for word, rest in instructions()[last:] if word == "ENV"]
    return dict(pair.split("=", 1) for rest in said for pair in rest.split())


def said_by_the_dockerfile(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def test_the_image_is_built_in_two_stages_from_one_pinned_python() -> None:
    bases = [base.split() for base in said_by_the_dockerfile("FROM")]
    assert bases[0][1:] == ["AS", "build"]
    assert len(bases) == 2
    [image] = {base[0] for base in bases}
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", image)


def test_the_image_copies_what_is_there_and_everything_that_is_packaged() -> None:
    copied: set[str] = set()
    for rest in said_by_the_dockerfile("COPY"):
        if not rest.startswith("--from="):
            copied |= set(rest.split()[:-1])
    assert all((ROOT / each).exists() for each in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    include = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in include} <= copied
    assert {"pyproject.toml", "constraints.txt", project["project"]["readme"]} <= copied
    assert "pip install -c constraints.txt ." in said_by_the_dockerfile("RUN")
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_the_image_runs_the_command_as_a_user_of_its_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    [entry] = map(json.loads, said_by_the_dockerfile("ENTRYPOINT"))
    assert entry == list(project["scripts"])
    [user] = said_by_the_dockerfile("USER")
    assert {service["user"] for service in andon_services().values()} == {user}
    [made] = [rest for rest in said_by_the_dockerfile("RUN") if "useradd" in rest]
    assert f"--uid {user.partition(':')[0]} " in made
    # A named volume takes the owner of the folder that it covers.
    owned = made.partition("install -d -o andon -g andon ")[2].split()
    for service in andon_services().values():
        volumes = {inside for inside, outside in mounts(service).items() if "/" not in outside}
        assert volumes <= set(owned)
    assert environment_of_the_image()["PYTHONUNBUFFERED"] == "1"


def test_the_image_has_the_version_of_the_program() -> None:
    assert {service["image"] for service in andon_services().values()} == {IMAGE + __version__}
