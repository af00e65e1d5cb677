"""Fixtures: a path for the file, and a worker that answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lengthwise.yaml"


@pytest.fixture(scope="module")
def worker() -> Iterator[str]:
    with EmbeddedEmulator(EmulatorConfig(speed=50)) as emulator:
        yield emulator.url
