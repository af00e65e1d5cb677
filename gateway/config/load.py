"""Loads the configuration: the YAML file, then the environment, then flags."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from gateway.config.errors import ConfigError, Location, explain, shown
from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.config.yaml_file import parse_yaml, places

ENV_PREFIX = "LENGTHWISE_"


def load_config(
    path: Path | None,
    *,
    env: Mapping[str, str] = os.environ,
    flags: Mapping[Location, object] | None = None,
) -> Config:
    """The configuration from ``path`` (YAML), overridden by ``env`` and then by ``flags``.

    The variable ``LENGTHWISE_A_B`` overrides the setting ``a.b``; its value is read as YAML.
    Variables of that prefix that name no setting are ignored: Kubernetes makes such variables.

    Raises:
        ConfigError: unreadable file, bad YAML, unknown key, wrong type or a value out of bounds.
    """
    data, origins = _read(path) if path else ({}, {})
    for name, location in _variables(Config, ()):
        if name in env:
            value = _parse_variable(name, location, env[name])
            _override(data, origins, location, value, f"environment variable {name}")
    for location, value in (flags or {}).items():
        _override(data, origins, location, value, f"flag --{location[-1]}")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        lines = [explain(fault, origins, path) for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def load_workers(path: Path) -> tuple[WorkerConfig, ...]:
    """The workers in a file with a list of workers (YAML or JSON), as in the section ``workers``.

    Raises:
        ConfigError: unreadable file, bad YAML, no list, or an invalid worker.
    """
    data, node = parse_yaml(path, "discovery.file")
    if not isinstance(data, list):  # a file that is still being written may be read as empty
        raise ConfigError(
            f"{path}:1: must be a list of workers, as under workers in deploy/lengthwise.yaml; "
            "write [] for none."
        )
    try:
        return Config.model_validate({"workers": data}).workers
    except ValidationError as error:
        origins = dict(places(path, node, ("workers",)))
        lines = [explain(fault, origins, path) for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _read(path: Path) -> tuple[dict[str, Any], dict[Location, str]]:
    """The file's content, and the line of each setting."""
    data, node = parse_yaml(path, "--config")
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}:1: must be a mapping of settings, as in deploy/lengthwise.yaml.")
    # YAML reads a section whose lines are all commented out as None: the section has its defaults.
    sections = {key: value for key, value in data.items() if value is not None}
    return sections, dict(places(path, node, ()))


def _variables(model: type[BaseModel], parent: tuple[str, ...]) -> Iterator[tuple[str, Location]]:
    """The environment variable of every setting. A list has one variable for the whole list."""
    for name, field in model.model_fields.items():
        kind, location = field.annotation, (*parent, name)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _variables(kind, location)
        else:
            yield ENV_PREFIX + "_".join(location).upper(), location


def _parse_variable(name: str, location: Location, value: str) -> object:
    try:
        return yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        text = shown(location, value)
        raise ConfigError(
            f"environment variable {name}: {text} is not valid YAML. Check its quotes."
        ) from None


def _override(
    data: dict[str, Any],
    origins: dict[Location, str],
    location: Location,
    value: object,
    origin: str,
) -> None:
    """Set a setting, and its origin for error texts in place of its lines in the file."""
    for place in [place for place in origins if place[: len(location)] == location]:
        del origins[place]
    origins[location] = origin
    for part in location[:-1]:
        inner = data.setdefault(str(part), {})
        if not isinstance(inner, dict):
            return  # validation reports the file's own fault
        data = inner
    data[str(location[-1])] = value
