"""Data and programs that some tests need: if missing, the test is skipped with the remedy."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from tests.castillo import find_data


def missing(what: str, remedy: str) -> NoReturn:
    """Skips the test with the remedy as the reason; fails in CI, where nothing may be missing."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}:
        pytest.fail(f"{what} is missing, run: {remedy}", pytrace=False)
    pytest.skip(f"{what} is missing, run: {remedy}")


@pytest.fixture(scope="session")
def castillo_data() -> Path:
    """The folder with the CASTILLO lengths."""
    return find_data() or missing("CASTILLO", "export LENGTHWISE_DATA=<its folder>")
