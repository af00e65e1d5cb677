"""`lengthwise config schema`: editors accept what the gateway accepts, and explain each setting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.cli import main
from gateway.config_command.schema import schema
from tests.deploy.paths import DEPLOY


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()


def test_the_example_is_valid(validator: Draft202012Validator) -> None:
    example = yaml.safe_load((DEPLOY / "lengthwise.yaml").read_text(encoding="utf-8"))
    assert list(validator.iter_errors(example)) == []


@pytest.mark.parametrize(
    "text",
    [
        "queue:\n",
        "workers: [{url: http://a, api_key: x, speed: 2}]",
        "tenants: {fair: true, known: [{name: a, api_key: b}]}",
        "learning: {folder: /x, refit_s: 5}",
    ],
)
def test_what_the_gateway_accepts_is_valid(validator: Draft202012Validator, text: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "qeue: {}",
        "queue: {max_wating: 5}",
        "queue: {max_waiting: -1}",
        "listen: {port: many}",
        "scheduling: {policy: lifo}",
        "workers: [{speed: 2}]",
        "queue: [1]",
    ],
)
def test_what_the_gateway_refuses_is_marked(validator: Draft202012Validator, text: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(text)))


def _undescribed(part: Any, place: str) -> Iterator[str]:
    for name, inner in part.get("properties", {}).items():
        if not inner.get("description") or "\n" in inner["description"]:
            yield f"{place}.{name}"


def test_every_setting_is_described_in_one_paragraph() -> None:
    found = schema()
    missing = list(_undescribed(found, "Config"))
    for name, part in found["$defs"].items():
        missing += _undescribed(part, name)
    assert missing == []
