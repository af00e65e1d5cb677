"""What the gateway started with, of the settings that only a restart of all of it changes.

A front that starts again would read them anew, and so be of another mind than the others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from gateway.config.settings import Config
from gateway.live_config.changes import RESTART, named, settings

STARTED = "started.json"
"""In the gateway's folder: their values by name. No secret is among them."""

_PARENTS = "admin"
"""The section that the parent alone uses; it has a secret."""


def keep_started(folder: Path, config: Config) -> None:
    """Write what the gateway starts with."""
    values = {
        named(section, name): _kind(section, name).dump_python(
            getattr(getattr(config, section), name), mode="json"
        )
        for section, name in _kept()
    }
    (folder / STARTED).write_text(json.dumps(values))


def as_started(folder: Path, config: Config) -> Config:
    """The configuration with what the gateway started with in place of what was changed since."""
    values = json.loads((folder / STARTED).read_text())
    sections: dict[str, BaseModel] = {}
    for section, name in _kept():
        value = _kind(section, name).validate_python(values[named(section, name)])
        kept = sections.get(section) or getattr(config, section)
        sections[section] = kept.model_copy(update={name: value})
    return config.model_copy(update=sections)


def _kept() -> list[tuple[str, str]]:
    return [one for one in settings() if named(*one) in RESTART and one[0] != _PARENTS]


def _kind(section: str, name: str) -> TypeAdapter[Any]:
    kind = Config.model_fields[section].annotation
    assert isinstance(kind, type)
    assert issubclass(kind, BaseModel)
    of_field: Any = kind.model_fields[name].annotation
    return TypeAdapter(of_field)
