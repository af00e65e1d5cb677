"""Fixtures: a configuration file, and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.config.errors import Location
from gateway.config.load import load_config
from gateway.config.settings import Config
from tests.gateway.config.loading import Load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lengthwise.yaml"


@pytest.fixture
def load(path: Path) -> Load:
    """Reads a configuration from its text."""

    def load(
        text: str,
        env: Mapping[str, str] | None = None,
        flags: Mapping[Location, object] | None = None,
    ) -> Config:
        path.write_text(text, encoding="utf-8")
        return load_config(path, env=env or {}, flags=flags)

    return load
