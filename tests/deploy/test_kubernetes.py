"""The kustomization: valid by Kubernetes's own schemas, and its parts fit together."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.config.load import load_config
from tests.deploy.paths import DEPLOY

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
WITHOUT_SCHEMA = {"PodMonitor"}
"""Kinds that are not Kubernetes's own."""

Resource = dict[str, Any]


def _documents(text: str) -> list[Resource]:
    return list(yaml.safe_load_all(text))


def resources() -> list[Resource]:
    """The resources that the kustomization names."""
    files = [(FOLDER / name).read_text("utf-8") for name in KUSTOMIZATION["resources"]]
    return [document for text in files for document in _documents(text)]


def one(kind: str, name: str = "lengthwise") -> Resource:
    """The resource of a kind and name."""
    (found,) = [r for r in resources() if (r["kind"], r["metadata"]["name"]) == (kind, name)]
    return found


def _validate(resource: Resource, version: str) -> None:
    if resource["kind"] not in WITHOUT_SCHEMA:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_every_resource_is_valid_in_an_old_and_in_the_latest_version(version: str) -> None:
    for resource in resources():
        _validate(resource, version)


def test_a_misspelt_field_is_noticed() -> None:
    deployment = one("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        _validate(deployment, kubernetes_validate.latest_version())


def test_kustomize_makes_of_them_what_is_valid_too() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is missing: the resources themselves are checked above")
    command = [kubectl, "kustomize", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    built = _documents(done.stdout)
    assert len(built) == len(resources()) + 1  # the file of settings
    for resource in built:
        _validate(resource, kubernetes_validate.latest_version())
        assert resource["kind"] == "Namespace" or resource["metadata"]["namespace"] == "lengthwise"


def test_no_file_of_the_folder_is_forgotten() -> None:
    (generated,) = KUSTOMIZATION["configMapGenerator"]
    named = {*KUSTOMIZATION["resources"], *generated["files"], "kustomization.yaml"}
    assert {path.name for path in FOLDER.iterdir()} == named


def test_every_selector_finds_the_gateways_pods() -> None:
    labels: dict[str, str] = one("Deployment")["spec"]["template"]["metadata"]["labels"]

    def finds(selector: Mapping[str, str]) -> bool:
        return selector.items() <= labels.items()

    assert finds(one("Deployment")["spec"]["selector"]["matchLabels"])
    assert finds(one("Service")["spec"]["selector"])
    assert finds(one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
    assert finds(one("PodMonitor")["spec"]["selector"]["matchLabels"])
    assert finds(one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    (allowed,) = one("NetworkPolicy", "lengthwise-workers")["spec"]["ingress"][0]["from"]
    assert finds(allowed["podSelector"]["matchLabels"])
    assert labels[one("PodMonitor")["spec"]["jobLabel"]] == "lengthwise"  # alerts go by this job


def test_the_settings_are_valid_and_fit_the_deployment() -> None:
    config = load_config(FOLDER / "lengthwise.yaml", env={})
    pod = one("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (port,) = container["ports"]
    assert (config.listen.port, config.listen.host) == (port["containerPort"], "0.0.0.0")
    assert {one("Service")["spec"]["ports"][0]["targetPort"], port["name"]} == {"http"}
    stop = config.shutdown.lame_duck_s + config.shutdown.drain_timeout_s
    assert pod["terminationGracePeriodSeconds"] > stop
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert config.learning.folder is not None
    assert mounts[str(config.learning.folder.parent)] == "learned"
    workers = one("Service", "lengthwise-workers")
    name, namespace = workers["metadata"]["name"], KUSTOMIZATION["namespace"]
    assert config.discovery.dns is not None
    assert str(config.discovery.dns).startswith(f"{name}.{namespace}.svc.")
    assert workers["spec"]["clusterIP"] == "None"


def test_the_root_cannot_be_written_and_nobody_is_root() -> None:
    pod = one("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert f"USER {pod['securityContext']['runAsUser']}" in (DEPLOY / "Dockerfile").read_text(
        "utf-8"
    )
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]


def test_the_autoscaler_goes_by_a_metric_of_the_gateway() -> None:
    (metric,) = one("HorizontalPodAutoscaler", "lengthwise-workers")["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    assert f"| `{name}` | gauge |" in (DEPLOY / "METRICS.md").read_text("utf-8")
