"""The arguments of the Serve application, as ``serve run`` and ``args`` of a Serve file give them.

Nothing here imports Ray.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gateway.config.errors import ConfigError


class Arguments(BaseModel):
    """What the application is made of."""

    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any] | str | None = None
    """The configuration of the gateway, as in deploy/lengthwise.yaml: its settings, or the path of
    a file that the machine has on which the application is built. Replicas get the contents."""
    workers: list[str] = Field(default_factory=list)
    """URLs of vLLM servers beside those of ``config``; as text, with commas between them."""
    replicas: int = Field(default=1, ge=1, le=1000)
    """Replicas of the gateway, unless the Serve file has another number for them."""

    pool: str | None = Field(default="default", min_length=1)
    """Name of the pool of workers. All replicas of a pool, of this application and of others, share
    one scheduler. None: each replica has its own, for one replica that is never replaced."""

    @field_validator("workers", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value


def read_arguments(given: Mapping[str, Any]) -> Arguments:
    """The arguments, checked.

    Raises:
        ConfigError: an unknown argument, or a value of the wrong type.
    """
    try:
        return Arguments.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"][:1]))
        known = ", ".join(Arguments.model_fields)
        raise ConfigError(f"args: {place}: {first['msg']}. Known are: {known}.") from None


def settings_text(arguments: Arguments) -> str:
    """The configuration as YAML text, which travels to the replicas.

    Raises:
        ConfigError: the file cannot be read.
    """
    config = arguments.config
    if not isinstance(config, str):
        return json.dumps(config or {})  # JSON is YAML, and one line
    try:
        text = Path(config).read_text("utf-8")
        yaml.safe_load(text)
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"args: config: {config}: {error}. Name a file on the machine where the application is "
            "built, or give the settings themselves."
        ) from None
    return text
