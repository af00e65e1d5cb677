"""ConfigError: the place, the fault and the remedy in a configuration, without API keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from gateway.config.settings import Config
from gateway.config.worker_url import without_credentials

Location = tuple[str | int, ...]
"""Where a setting stands in the configuration, for instance ("workers", 0, "url")."""


MOST_SHOWN = 200
"""Characters of a value that an error shows."""

_NAME = re.compile(r"[\w$-]+", re.ASCII)
_NO_LIST = {"tuple_type", "list_type", "set_type", "frozen_set_type"}
_NO_GROUP = {"model_type", "model_attributes_type", "dict_type", "dataclass_type"}


class ConfigError(ValueError):
    """The configuration cannot be used; the message names place, field, value and remedy."""


def refused(
    error: ValidationError, places: Mapping[Location, str], path: Path | None
) -> ConfigError:
    """All faults that pydantic has found, a line each; a misspelt name before what then misses.

    Args:
        error: what validation has raised.
        places: for settings, the line of the file, the variable or the flag that gave them.
        path: the file, if there is one.
    """
    faults = sorted(error.errors(), key=lambda fault: fault["type"] == "missing")
    return ConfigError("\n".join(_explain(fault, places, path) for fault in faults))


def _explain(fault: Any, places: Mapping[Location, str], path: Path | None) -> str:
    """One line for an entry of ``ValidationError.errors()``."""
    location: Location = tuple(fault["loc"])
    parents = (location[:n] for n in range(len(location), 0, -1))
    nearest = next((parent for parent in parents if parent in places), ())
    place = places.get(nearest, str(path) if path else "configuration")
    field = field_of(location)
    if fault["type"] == "extra_forbidden":
        return f"{place}: {field}: unknown setting. {_suggest(location)}"
    if fault["type"] == "missing":
        return f"{place}: {field}: is missing. Add it."
    if fault["type"] in _NO_GROUP:
        text = "must be a group of settings: each on a line of its own below, as `name: value`"
        return f"{place}: {field}: {text}{_got(location, fault['input'])}."
    if fault["type"] in _NO_LIST:
        text = "must be a list: each entry on a line of its own below, after `- `"
        return f"{place}: {field}: {text}{_got(location, fault['input'])}."
    value = "" if isinstance(fault["input"], dict) else _got(location, fault["input"])
    message = fault["msg"] if fault["msg"][:2].isupper() else _lower_first(fault["msg"])
    return f"{place}: {field}: {message}{value}. See deploy/lengthwise.yaml for its meaning."


def field_of(location: Location) -> str:
    """The name of a setting as people write it, such as workers.0.url; an odd one in quotes."""
    return ".".join(_part(part) for part in location)


def _part(part: str | int) -> str:
    text = str(part)
    return text if _NAME.fullmatch(text) else _cut(repr(text))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _got(location: Location, value: object) -> str:
    return f" (got {shown(location, value)})"


def _lower_first(text: str) -> str:
    return text[0].lower() + text[1:]


def shown(location: Location, value: object) -> str:
    """A value for an error text; "a secret" for a value that holds or may hold an API key.

    User and password of a URL are left out.
    """
    text = without_credentials(repr(value))
    in_tenants = location[:2] == ("tenants", "known") and len(location) < 4
    secret = in_tenants or not {"api_key", "api_keys", "token"}.isdisjoint(location)
    return "a secret" if secret or "api_key" in text else _cut(text)


def _suggest(location: Location) -> str:
    """The known name closest to an unknown one, or all known names."""
    model: Any = Config
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        kind = model.model_fields[part].annotation
        model = kind if hasattr(kind, "model_fields") else get_args(kind)[0]
    names = list(model.model_fields)
    close = get_close_matches(str(location[-1]).strip().lower(), names, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Known here: {', '.join(names)}."
