"""What the tests of the configuration share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.config.errors import ConfigError
from gateway.config.settings import Config

Load = Callable[..., Config]

SECRET = "sk-do-not-show"

KEYS = ("8888777", "0123", "1e5", "true", "no", "0x1F", "2020-01-01", ".5", "1_000")
"""Keys that YAML takes for something else."""


def refusal(load: Load, *args: object) -> str:
    """The message with which a configuration is refused."""
    with pytest.raises(ConfigError) as error:
        load(*args)
    return str(error.value)
