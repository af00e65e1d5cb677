"""docker-compose.yml, the image and the files that they name fit together."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from gateway.config.load import load_config
from gateway.emulator.command import add_emulate_arguments
from gateway.serve.command import add_serve_arguments
from tests.deploy.compose_file import COMPOSE, TEXT, VARIABLE, mounts
from tests.deploy.compose_file import services as read_services
from tests.deploy.paths import DEPLOY, ROOT

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_every_mounted_file_exists() -> None:
    for service in read_services().values():
        for outside in mounts(service).values():
            assert (ROOT / outside).exists(), outside


def test_ports_are_published_on_the_local_address_only() -> None:
    published = [port for s in read_services().values() for port in s.get("ports", ())]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_variable_has_the_form_that_these_tests_fill_in() -> None:
    assert "$" not in VARIABLE.sub("", TEXT)


def test_the_gateway_is_configured_for_the_two_emulated_workers() -> None:
    services = read_services()
    config = _gateway_config(services)
    assert config.listen.host == "0.0.0.0"
    assert services["gateway"]["ports"] == [f"127.0.0.1:{config.listen.port}:{config.listen.port}"]
    moved = read_services({"GATEWAY_PORT": "8081"})["gateway"]["ports"]
    assert moved == [f"127.0.0.1:8081:{config.listen.port}"]
    for worker in config.workers:
        service = services[str(worker.url.host)]
        assert "profiles" not in service
        flags = _flags(service["command"], "emulate", add_emulate_arguments)
        assert (flags.host, flags.port) == ("0.0.0.0", worker.url.port)
        assert flags.scheduling_policy == "priority"
    assert len(config.workers) == 2


@pytest.mark.parametrize(("profile", "name"), [("gpu", "vllm"), ("cpu", "vllm-cpu")])
def test_the_commands_in_the_head_comment_connect_the_gateway_to_vllm(
    profile: str, name: str
) -> None:
    found = re.findall(r"LENGTHWISE_WORKERS='(.*)' \\\n# +(docker compose .*)", TEXT)
    setting, command = next(pair for pair in found if f"--profile {profile} " in pair[1])
    services = read_services({"LENGTHWISE_WORKERS": setting})
    (worker,) = _gateway_config(services).workers
    vllm = services[name]
    assert str(worker.url.host) == name
    assert vllm["profiles"] == [profile]
    assert vllm["command"][vllm["command"].index("--port") + 1] == str(worker.url.port)
    assert vllm["command"][-2:] == ["--scheduling-policy", "priority"]
    started = command.split(" up ")[1].split()
    assert set(started) == {"gateway", name, "prometheus", "grafana"}
    waited = services["gateway"]["depends_on"]  # of no service that a profile leaves out
    assert all(not how["required"] and services[on].get("profiles") for on, how in waited.items())
    assert waited[name]["condition"] == "service_healthy"


def test_every_service_has_a_health_check() -> None:
    own = {name for name, service in read_services().items() if "healthcheck" not in service}
    assert own == {"gateway"}
    assert "HEALTHCHECK" in DOCKERFILE


def test_what_is_learned_outlives_the_container_and_the_image_s_user_may_write_it() -> None:
    gateway = read_services()["gateway"]
    folder = _gateway_config(read_services()).learning.folder
    named = dict(mount.split(":")[1::-1] for mount in gateway["volumes"] if mount[0] != ".")
    (home,) = named
    assert folder is not None
    assert folder.is_relative_to(home)
    assert f"install -d -o 10001 -g 10001 -m 0700 {home}" in DOCKERFILE
    assert "\nUSER 10001\n" in DOCKERFILE
    assert gateway["read_only"]
    assert set(named.values()) <= set(yaml.safe_load(TEXT)["volumes"])


def test_the_example_of_the_environment_has_every_variable_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    listed = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    assert listed == dict(VARIABLE.findall(TEXT))


def test_docker_waits_longer_than_the_gateway_drains() -> None:
    services = read_services()
    grace = services["gateway"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > _gateway_config(services).shutdown.drain_timeout_s


def test_prometheus_scrapes_the_services_and_grafana_reads_prometheus() -> None:
    services = read_services()
    own, engines = _yaml("prometheus/prometheus.yml")["scrape_configs"]
    port = _gateway_config(services).listen.port
    assert own["static_configs"] == [{"targets": [f"gateway:{port}"]}]
    (lookup,) = engines["dns_sd_configs"]
    assert set(lookup["names"]) == {"worker-1", "worker-2", "vllm", "vllm-cpu"}
    assert lookup["port"] == 8000
    (source,) = _yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    url = urlsplit(source["url"])
    assert services[str(url.hostname)]["ports"] == [f"127.0.0.1:{url.port}:{url.port}"]


def test_the_home_page_of_grafana_is_the_dashboard() -> None:
    grafana = read_services()["grafana"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder, _, name = home.rpartition("/")
    assert (ROOT / mounts(grafana)[folder] / name).is_file()


def test_the_image_listens_on_the_port_of_its_health_check() -> None:
    arguments = yaml.safe_load(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])
    flags = _flags(arguments, "serve", add_serve_arguments)
    port = flags.port or load_config(None, env={}).listen.port
    assert f'or "{port}"' in (DEPLOY / "healthcheck.py").read_text(encoding="utf-8")
    assert f"EXPOSE {port}" in DOCKERFILE
    assert flags.host == "0.0.0.0"


def test_the_build_context_holds_every_file_that_the_package_is_built_from() -> None:
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    needed = {pattern.removesuffix("*") for pattern in packages}
    assert needed
    for name in needed | {"pyproject.toml", "README.md", "LICENSE"}:
        assert any(fnmatch(name, pattern) for pattern in kept), name


def test_docker_compose_accepts_the_file() -> None:
    docker = shutil.which("docker")
    plugin = docker and subprocess.run(
        [docker, "compose", "version"], capture_output=True, check=False, timeout=60
    )
    if not docker or not plugin or plugin.returncode:
        pytest.skip("docker compose is missing: install Docker with its compose plugin")
    command = [docker, "compose", "-f", str(COMPOSE), "--profile", "*", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def _gateway_config(services: Mapping[str, Any]) -> Any:
    gateway = services["gateway"]
    flags = _flags(gateway["command"], "serve", add_serve_arguments)
    return load_config(ROOT / mounts(gateway)[str(flags.config)], env=dict(gateway["environment"]))


def _flags(command: list[str], name: str, add_arguments: Any) -> argparse.Namespace:
    """The flags of the subcommand ``name``, read by its own parser."""
    assert command[0] == name
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return parser.parse_args(command[1:])


def _yaml(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))
