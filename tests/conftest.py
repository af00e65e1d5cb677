"""What the tests need beyond the project: found, or missed in a way that is seen."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from tests.castillo import find_data


def missing(what: str, remedy: str) -> NoReturn:
    """Skips the test with the remedy as the reason; in CI, where nothing may be missing, fails."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}:
        pytest.fail(f"{what} is missing, run: {remedy}", pytrace=False)
    pytest.skip(f"{what} is missing, run: {remedy}")


@pytest.fixture(scope="session")
def castillo_data() -> Path:
    """The folder with the CASTILLO lengths."""
    return find_data() or missing("CASTILLO", "export LENGTHWISE_DATA=<its folder>")
