"""Loads the configuration: the YAML file, then the environment, then flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config.errors import ConfigError, Location, refused
from gateway.config.settings import Config
from gateway.config.variables import empty_finder, variables
from gateway.config.workers import WorkerConfig
from gateway.config.yaml_file import parse_yaml, places


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and where its settings come from."""

    config: Config
    places: Mapping[Location, str]
    """For what is not the default: file and line, the variable or the flag."""
    empty: bool = False
    """Whether there is a file, and it holds no setting."""


def load_config(
    path: Path | None,
    *,
    env: Mapping[str, str] = os.environ,
    flags: Mapping[Location, object] | None = None,
) -> Config:
    """The configuration alone, as ``load`` reads it."""
    return load(path, env=env, flags=flags).config


def load(
    path: Path | None,
    *,
    env: Mapping[str, str] = os.environ,
    flags: Mapping[Location, object] | None = None,
    source: str = "--config",
) -> Loaded:
    """The configuration from ``path`` (YAML), overridden by ``env`` and then by ``flags``.

    The variable ``LENGTHWISE_A_B`` overrides the setting ``a.b``; its value is read as YAML, a
    secret as text. Variables of that prefix that Kubernetes makes are ignored. ``source`` is what
    names the file, for its error.

    Raises:
        ConfigError: unreadable file, bad YAML, unknown key, misspelt variable, wrong type, a value
            out of bounds, or an empty one in place of the workers.
    """
    data, origins = _read(path, source) if path else ({}, {})
    flags, empty = flags or {}, path is not None and not origins
    for location, value, origin in variables(env, flags):
        _override(data, origins, location, value, origin)
    for location, value in flags.items():
        flag = "worker" if location == ("workers",) else location[-1]
        _override(data, origins, location, value, f"flag --{flag}")
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise refused(error, origins, path) from None
    _refuse_emptied_workers(config, data, origins, env)
    return Loaded(config, origins, empty)


def _refuse_emptied_workers(
    config: Config,
    data: Mapping[str, Any],
    origins: Mapping[Location, str],
    env: Mapping[str, str],
) -> None:
    """Refuse an empty list or name where workers were meant: not to be taken for a trial.

    Raises:
        ConfigError: no worker is named, and the place where one should be is empty.
    """
    if config.workers or config.discovery.finds:
        return
    finder = empty_finder(env)
    if finder is not None:
        raise ConfigError(
            f"environment variable {finder} is empty. Give a value, or unset it for an emulated "
            "worker."
        )
    if "workers" in data:
        place = origins.get(("workers",), "configuration")
        raise ConfigError(
            f"{place}: workers: names no worker. Add one, as in deploy/lengthwise.yaml, or remove "
            "the line for an emulated worker."
        )


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
        raise refused(error, origins, path) from None


def _read(path: Path, source: str) -> tuple[dict[str, Any], dict[Location, str]]:
    """The file's content, and the line of each setting."""
    data, node = parse_yaml(path, source)
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}:1: must be a mapping of settings, as in deploy/lengthwise.yaml.")
    # YAML reads a section whose lines are all commented out as None: the section has its defaults.
    sections = {key: value for key, value in data.items() if value is not None}
    return sections, dict(places(path, node, ()))


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
        inner = data.get(str(part))
        if inner is None:
            inner = data[str(part)] = {}
        if not isinstance(inner, dict):
            return  # validation reports the file's own fault
        data = inner
    data[str(location[-1])] = value
