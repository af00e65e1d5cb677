"""The picker's kustomizations: valid, fitting together, and their commands run as processes."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from grpclib.client import Channel, UnaryUnaryMethod

from gateway.config.load import load_config
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.picker.messages import HealthCheckRequest, HealthCheckResponse
from tests.deploy.paths import DEPLOY
from tests.gateway.harness import PATIENCE_S
from tests.gateway.picker.envoy import free_port

ENVOY = DEPLOY / "envoy"
POOLS = ("inference_pool", "plain")

INFERENCE_POOL = {"selector", "targetPorts", "endpointPickerRef"}
"""Required fields of spec (API reference of the Gateway API Inference Extension, v1)."""
POOL_FIELDS = INFERENCE_POOL | {"appProtocol"}
PICKER_FIELDS = {"group", "kind", "name", "port", "failureMode"}
"""Fields of endpointPickerRef, of which name is required, and port where a Service is meant."""
OF_GATEWAYS = {"InferencePool", "Gateway", "HTTPRoute"}

Resource = dict[str, Any]


def _resources(folder: Path) -> list[Resource]:
    """The resources that a kustomization names, those of its base included."""
    found: list[Resource] = []
    for name in yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]:
        path = folder / name
        if path.is_dir():
            found += _resources(path.resolve())
        else:
            found += yaml.safe_load_all(path.read_text("utf-8"))
    return found


def _one(folder: str, kind: str, name: str) -> Resource:
    every = _resources(ENVOY / folder)
    (found,) = [one for one in every if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


@pytest.mark.parametrize("folder", POOLS)
@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_every_resource_is_valid_and_no_file_is_forgotten(folder: str, version: str) -> None:
    for resource in _resources(ENVOY / folder):
        if resource["kind"] not in OF_GATEWAYS:
            kubernetes_validate.validate(resource, version, strict=True)
    for part in (folder, "picker"):
        kustomization = yaml.safe_load((ENVOY / part / "kustomization.yaml").read_text("utf-8"))
        generated = kustomization.get("configMapGenerator", [])
        named = {*kustomization["resources"], *(one for each in generated for one in each["files"])}
        files = {path.name for path in (ENVOY / part).iterdir()}
        assert files == (named - {"../picker"}) | {"kustomization.yaml"}


def test_the_pool_has_the_fields_of_the_api_and_names_the_pickers_service() -> None:
    spec = _one("inference_pool", "InferencePool", "vllm")["spec"]
    assert INFERENCE_POOL <= spec.keys() <= POOL_FIELDS
    picker = spec["endpointPickerRef"]
    assert {"name", "port"} <= picker.keys() <= PICKER_FIELDS
    assert picker["failureMode"] in {"FailOpen", "FailClose"}
    service = _one("inference_pool", "Service", picker["name"])["spec"]
    assert service["ports"][0]["port"] == picker["port"]["number"]
    assert service["ports"][0]["appProtocol"] == "kubernetes.io/h2c"
    picked = _one("inference_pool", "Service", "lengthwise-picked")["spec"]
    assert picked["selector"] == spec["selector"]["matchLabels"]
    assert picked["ports"][0]["targetPort"] == spec["targetPorts"][0]["number"]
    (rule,) = _one("inference_pool", "HTTPRoute", "vllm")["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    assert (backend["group"], backend["kind"]) == ("inference.networking.k8s.io", "InferencePool")
    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}


def test_the_pickers_settings_fit_its_pods() -> None:
    config = load_config(
        ENVOY / "picker" / "lengthwise.yaml", env={"LENGTHWISE_ADMIN_TOKEN": "0f" * 32}
    )
    pod = _one("plain", "Deployment", "lengthwise-picker")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert (config.picker.host, config.picker.port) == ("0.0.0.0", ports["grpc"])
    assert str(config.admin.listen) == f"0.0.0.0:{ports['metrics']}"
    stop = config.shutdown.lame_duck_s + config.shutdown.drain_timeout_s
    assert pod["spec"]["terminationGracePeriodSeconds"] > stop
    selector = _one("plain", "Service", "lengthwise-picker")["spec"]["selector"]
    assert selector.items() <= pod["metadata"]["labels"].items()
    assert str(config.discovery.dns).startswith("lengthwise-picked.lengthwise.svc.")


def test_the_plain_envoy_is_the_example_with_the_clusters_addresses() -> None:
    example = yaml.safe_load((ENVOY / "envoy.yaml").read_text("utf-8"))["static_resources"]
    plain = yaml.safe_load((ENVOY / "plain" / "envoy.yaml").read_text("utf-8"))["static_resources"]
    example["listeners"][0]["address"]["socket_address"]["address"] = "0.0.0.0"
    cluster = example["clusters"][1] | {"type": "STRICT_DNS"}
    endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    endpoint["address"]["socket_address"]["address"] = (
        "lengthwise-picker.lengthwise.svc.cluster.local"
    )
    example["clusters"][1] = cluster
    assert plain == example


async def test_the_containers_command_runs_and_its_probes_succeed(tmp_path: Path) -> None:
    (container,) = _one("plain", "Deployment", "lengthwise-picker")["spec"]["template"]["spec"][
        "containers"
    ]
    settings = yaml.safe_load((ENVOY / "picker" / "lengthwise.yaml").read_text("utf-8"))
    port = free_port()
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        settings["picker"] = {"host": "127.0.0.1", "port": port}
        settings["admin"] = {"listen": f"127.0.0.1:{free_port()}"}
        settings["discovery"] = {"dns": worker.url.removeprefix("http://")}
        path = tmp_path / "lengthwise.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        words = [word.replace("/etc/lengthwise", str(tmp_path)) for word in container["args"]]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", *words),
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "LENGTHWISE_PREDICTOR_ENABLED": "false"},
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                assert b"picking endpoints" in await process.stdout.readline()
                for probe in ("livenessProbe", "readinessProbe"):
                    await _serving(port, container[probe]["grpc"]["service"])
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def _serving(port: int, service: str) -> None:
    async with Channel("127.0.0.1", port) as channel:
        check = UnaryUnaryMethod(
            channel, "/grpc.health.v1.Health/Check", HealthCheckRequest, HealthCheckResponse
        )
        while (await check(HealthCheckRequest(service=service))).status != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
