"""Reads the configuration: YAML file, then environment, then flags; errors name file and line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig

ENV_PREFIX = "LENGTHWISE_"

Location = tuple[str | int, ...]


class ConfigError(ValueError):
    """The configuration cannot be used; the message names place, field, value and remedy."""


def load_config(
    path: Path | None,
    *,
    env: Mapping[str, str] = os.environ,
    flags: Mapping[Location, object] | None = None,
) -> Config:
    """The configuration from ``path`` (YAML), overridden by ``env`` and then by ``flags``.

    A setting ``a.b`` is overridden by the variable ``LENGTHWISE_A_B``, whose value is read as
    YAML. Variables of that prefix that name no setting are left alone: Kubernetes makes such ones.

    Raises:
        ConfigError: unreadable file, bad YAML, unknown key, wrong type or a value out of bounds.
    """
    data, places = _read(path) if path else ({}, {})
    for name, location in _variables(Config, ()):
        if name in env:
            _put(data, location, _parse_variable(name, location, env[name]))
            _forget(places, location)
            places[location] = f"environment variable {name}"
    for location, value in (flags or {}).items():
        _put(data, location, value)
        _forget(places, location)
        places[location] = f"flag --{location[-1]}"
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        lines = [_explain(fault, places, path) for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def load_workers(path: Path) -> tuple[WorkerConfig, ...]:
    """The list of workers in a file of its own (YAML or JSON), as in the section ``workers``.

    Raises:
        ConfigError: unreadable file, bad YAML, no list, or a worker that cannot be.
    """
    data, node = _parse(path, "discovery.file")
    if not isinstance(data, list):  # a file cut short while it is written reads as nothing
        raise ConfigError(
            f"{path}:1: must be a list of workers, as under workers in deploy/lengthwise.yaml; "
            "write [] for none."
        )
    try:
        return Config.model_validate({"workers": data}).workers
    except ValidationError as error:
        places = dict(_places(path, node, ("workers",)))
        raise ConfigError(
            "\n".join(_explain(fault, places, path) for fault in error.errors())
        ) from None


def _parse(path: Path, setting: str) -> tuple[Any, yaml.Node | None]:
    """The file's content, and the nodes that say where it stands."""
    try:
        text = path.read_text(encoding="utf-8")
        return yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}. Check {setting}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2020-13-45
        raise ConfigError(_yaml_fault(path, error)) from None


def _read(path: Path) -> tuple[dict[str, Any], dict[Location, str]]:
    """The file's content, and for each key the place where it stands."""
    data, node = _parse(path, "--config")
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}:1: must be a mapping of settings, as in deploy/lengthwise.yaml.")
    # A section whose lines are all commented out reads as None: it keeps its defaults.
    given = {key: value for key, value in data.items() if value is not None}
    return given, dict(_places(path, node, ()))


def _yaml_fault(path: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or str(error)
    return f"{path}{line}: not valid YAML: {problem}. Check indentation and quotes there."


def _places(path: Path, node: yaml.Node | None, at: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = f"{path}:{key.start_mark.line + 1}"
            if key.value in seen:
                field = ".".join(map(str, (*at, key.value)))
                raise ConfigError(f"{place}: {field}: is given twice. Remove one of the two.")
            seen.add(key.value)
            yield (*at, key.value), place
            yield from _places(path, value, (*at, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*at, index), f"{path}:{item.start_mark.line + 1}"
            yield from _places(path, item, (*at, index))


def _variables(model: type[BaseModel], at: tuple[str, ...]) -> Iterator[tuple[str, Location]]:
    """The environment variable of every setting: sections are walked, lists are set whole."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _variables(kind, (*at, name))
        else:
            yield ENV_PREFIX + "_".join((*at, name)).upper(), (*at, name)


def _parse_variable(name: str, location: Location, value: str) -> object:
    try:
        return yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        shown = _shown(location, value)
        raise ConfigError(
            f"environment variable {name}: {shown} is not valid YAML. Check its quotes."
        ) from None


def _put(data: dict[str, Any], location: Location, value: object) -> None:
    for part in location[:-1]:
        inner = data.setdefault(str(part), {})
        if not isinstance(inner, dict):
            return  # the file's own error is reported when the whole is validated
        data = inner
    data[str(location[-1])] = value


def _forget(places: dict[Location, str], location: Location) -> None:
    """What stood below an overridden setting in the file is not at fault."""
    for below in [place for place in places if place[: len(location)] == location]:
        del places[below]


def _explain(fault: Any, places: Mapping[Location, str], path: Path | None) -> str:
    location: Location = tuple(fault["loc"])
    known = next((location[:n] for n in range(len(location), 0, -1) if location[:n] in places), ())
    place = places.get(known, str(path) if path else "configuration")
    field = ".".join(map(str, location))
    if fault["type"] == "extra_forbidden":
        return f"{place}: {field}: unknown setting. {_suggest(location)}"
    if fault["type"] == "missing":
        return f"{place}: {field}: is missing. Add it."
    given = "" if isinstance(fault["input"], dict) else f" (got {_shown(location, fault['input'])})"
    message = fault["msg"][0].lower() + fault["msg"][1:]
    return f"{place}: {field}: {message}{given}. See deploy/lengthwise.yaml for its meaning."


def _shown(location: Location, value: object) -> str:
    shown = repr(value)
    of_tenants = location[:2] == ("tenants", "known") and len(location) < 4
    return "a secret" if of_tenants or "api_key" in location or "api_key" in shown else shown


def _suggest(location: Location) -> str:
    model: Any = Config
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        kind = model.model_fields[part].annotation
        model = kind if hasattr(kind, "model_fields") else get_args(kind)[0]
    names = list(model.model_fields)
    close = get_close_matches(str(location[-1]), names, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Known here: {', '.join(names)}."
