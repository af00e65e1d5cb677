"""The manifests for Ray: valid by Serve's own schema and by KubeRay's fields, and of one mind."""

from __future__ import annotations

from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from gateway.on_ray.arguments import read_arguments, settings_text
from gateway.on_ray.replica import replica_config
from tests.deploy.paths import DEPLOY, ROOT

SERVE_FILE = DEPLOY / "ray" / "serve.yaml"
SERVICE = yaml.safe_load((DEPLOY / "ray" / "rayservice.yaml").read_text("utf-8"))
IN_SERVICE = yaml.safe_load(SERVICE["spec"]["serveConfigV2"])
FILES = pytest.mark.parametrize(
    "served", [yaml.safe_load(SERVE_FILE.read_text("utf-8")), IN_SERVICE], ids=["serve", "service"]
)


def _fields(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """A JSON schema of an object with these fields and no others."""
    closed = {"type": "object", "additionalProperties": False}
    return {**closed, "properties": fields, "required": list(required)}


TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
PARAMS = {"type": "object", "additionalProperties": TEXT}
POD = {"type": "object"}
"""A pod template, which Kubernetes's own schema checks below."""

RAY_SERVICE = _fields(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayService"},
    metadata={"type": "object"},
    spec=_fields(
        ("serveConfigV2", "rayClusterConfig"),
        serveConfigV2=TEXT,
        serveService={"type": "object"},
        rayClusterConfig=_fields(
            ("headGroupSpec",),
            rayVersion=TEXT,
            enableInTreeAutoscaling={"type": "boolean"},
            autoscalerOptions={"type": "object"},
            headServiceAnnotations=PARAMS,
            suspend={"type": "boolean"},
            headGroupSpec=_fields(
                ("rayStartParams", "template"),
                serviceType=TEXT,
                headService={"type": "object"},
                enableIngress={"type": "boolean"},
                rayStartParams=PARAMS,
                template=POD,
            ),
            workerGroupSpecs={
                "type": "array",
                "items": _fields(
                    ("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"),
                    groupName=TEXT,
                    replicas=COUNT,
                    minReplicas=COUNT,
                    maxReplicas=COUNT,
                    numOfHosts=COUNT,
                    rayStartParams=PARAMS,
                    template=POD,
                    scaleStrategy={"type": "object"},
                ),
            },
        ),
    ),
)
"""Fields of KubeRay's RayService that its versions from 1.1 on know: ray-project/kuberay,
ray-operator/apis/ray/v1/rayservice_types.go and raycluster_types.go (Apache-2.0)."""


def groups() -> list[dict[str, Any]]:
    """The groups of pods."""
    cluster = SERVICE["spec"]["rayClusterConfig"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_the_service_has_the_fields_that_kuberay_knows() -> None:
    jsonschema.validate(SERVICE, RAY_SERVICE)


def test_a_misspelt_field_is_noticed() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**SERVICE, "spec": {"serveConfig": ""}}, RAY_SERVICE)


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_the_pods_are_valid(version: str) -> None:
    for group in groups():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, **group["template"]}
        kubernetes_validate.validate(pod, version, strict=True)


def test_the_pods_have_time_for_the_drain() -> None:
    (application,) = IN_SERVICE["applications"]
    drain_s = application["args"]["config"]["shutdown"]["drain_timeout_s"]
    for group in groups()[1:]:
        assert group["template"]["spec"]["terminationGracePeriodSeconds"] >= drain_s + 30


def test_one_version_of_ray_is_named() -> None:
    version = SERVICE["spec"]["rayClusterConfig"]["rayVersion"]
    assert f"rayproject/ray:{version}-" in (DEPLOY / "ray" / "Dockerfile").read_text("utf-8")


@FILES
def test_the_settings_can_be_used(served: dict[str, Any]) -> None:
    (application,) = served["applications"]
    arguments = read_arguments(application["args"])
    assert replica_config(settings_text(arguments), arguments.workers).workers


@FILES
def test_serve_knows_every_field(served: dict[str, Any]) -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="pip install 'ray[serve]'")
    read = schema.ServeDeploySchema.model_validate(served)
    known = read.model_dump(exclude_unset=True, mode="json")
    assert known == served | {"proxy_location": known["proxy_location"]}
    (application,) = served["applications"]
    module, _, name = application["import_path"].partition(":")
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    assert f"def {name}(" in path.read_text("utf-8")
