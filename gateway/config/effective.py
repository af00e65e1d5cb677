"""Each setting in force, and where it comes from. Secrets are hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, HttpUrl, SecretStr

from gateway.config.errors import Location, field_of
from gateway.config.load import Loaded
from gateway.config.worker_url import shown_url

HIDDEN = "***"
"""Stands for a secret."""

DEFAULT = "default"
"""The place of a setting that nobody has given."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting."""

    name: str
    """Name with dots, such as workers.0.url."""
    value: Any
    """What is in force, as JSON holds it; a secret is ``HIDDEN``."""
    place: str
    """File and line, the variable or the flag that gave it, or ``DEFAULT``."""

    @property
    def text(self) -> str:
        """The value on one line, as YAML reads it."""
        return json.dumps(self.value, ensure_ascii=False)

    def as_json(self) -> dict[str, Any]:
        """The setting for `lengthwise config show --json`."""
        return {"setting": self.name, "value": self.value, "from": self.place}


def effective(loaded: Loaded) -> Iterator[Shown]:
    """Every setting, in the order of the schema."""
    yield from _settings(loaded, loaded.config, ())


def _settings(loaded: Loaded, section: BaseModel, parent: Location) -> Iterator[Shown]:
    for name in type(section).model_fields:
        value, location = getattr(section, name), (*parent, name)
        given = name in section.model_fields_set
        if isinstance(value, BaseModel):
            yield from _settings(loaded, value, location)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for index, item in enumerate(value):
                yield from _settings(loaded, item, (*location, index))
        else:
            place = _place(loaded, location) if given else DEFAULT
            yield Shown(field_of(location), _plain(value), place)


def _place(loaded: Loaded, location: Location) -> str:
    """Where a setting, or the nearest group around it, was given."""
    nearer = (location[:n] for n in range(len(location), 0, -1))
    return next((loaded.places[one] for one in nearer if one in loaded.places), DEFAULT)


def _plain(value: Any) -> Any:
    """A value as JSON holds it, without secrets."""
    match value:
        case SecretStr():
            return HIDDEN
        case HttpUrl():
            hidden = f"{HIDDEN}@" if value.username or value.password else ""
            return shown_url(value).replace("://", f"://{hidden}", 1)
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case tuple() | list():
            return [_plain(one) for one in value]
        case dict():
            return {name: _plain(one) for name, one in value.items()}
    return value if isinstance(value, bool | int | float | str | None) else str(value)
