"""The example configuration has every setting, with its default and a comment."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from gateway.config.access import Group
from gateway.config.load import load_config
from gateway.config.settings import Config
from gateway.config.tenants import Tenant
from gateway.config.workers import WorkerConfig
from tests.deploy.paths import DEPLOY

EXAMPLE = DEPLOY / "lengthwise.yaml"
COMMENTED_SETTING = re.compile(r"^#(?=( {2,}(- )?)?[a-z_]+:)")


def _with_workers() -> str:
    """The example with its lists: without the # at the start of their lines."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return "\n".join(COMMENTED_SETTING.sub("", line) for line in lines) + "\n"


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """The names of a model's settings, with the settings of sections and of list items."""
    shape: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        shape[name] = _fields(inner[0]) if inner else None
    return shape


def _keys(value: object) -> Any:
    if isinstance(value, dict) and value:
        return {name: _keys(inner) for name, inner in value.items()}
    return _keys(value[0]) if isinstance(value, list) and value else None


def test_the_example_holds_the_defaults() -> None:
    assert load_config(EXAMPLE, env={}) == Config()


def test_the_example_names_every_setting_and_no_other() -> None:
    assert _keys(yaml.safe_load(_with_workers())) == _fields(Config)


def test_the_commented_lists_are_valid(tmp_path: Path) -> None:
    path = tmp_path / "lengthwise.yaml"
    path.write_text(_with_workers(), encoding="utf-8")
    config = load_config(path, env={})
    tenants = config.tenants.model_copy(update={"known": ()})
    access = config.access.model_copy(update={"groups": ()})
    lists = {"workers": (), "tenants": tenants, "access": access}
    assert config.model_copy(update=lists) == Config()
    assert config.access.groups[0].model_fields_set == set(Group.model_fields)
    assert config.workers[0].model_fields_set == set(WorkerConfig.model_fields)
    assert config.tenants.known[0].model_fields_set == set(Tenant.model_fields)


def test_every_setting_has_a_comment_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        setting = COMMENTED_SETTING.sub("", line)
        if re.match(r" +(- )?\w+:", setting):
            assert before.lstrip().startswith("# "), f"no comment above {line.strip()!r}"


def test_the_environment_overrides_the_example_as_its_header_shows() -> None:
    header = EXAMPLE.read_text(encoding="utf-8").split("\nlisten:")[0]
    shown = re.findall(r"^#   (LENGTHWISE_\w+)=(.+)$", header, re.MULTILINE)
    config = load_config(EXAMPLE, env={name: value.strip("'") for name, value in shown})
    assert config.listen.port == 9000
    assert config.queue.max_waiting == 500
    assert [str(worker.url) for worker in config.workers] == [
        "http://gpu-1:8000/",
        "http://gpu-2:8000/",
    ]


def test_the_table_of_settings_has_every_setting_and_no_other() -> None:
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ")]
    named = re.findall(r"`([a-z_.]+)`", " ".join(rows))
    settings = [
        name if part == "workers" else f"{part}.{name}"
        for part, names in _fields(Config).items()
        for name in names
    ]
    assert sorted(named) == sorted(settings)
