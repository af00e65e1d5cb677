"""The tests that need torch, run in the environment of the vLLM tests, which has torch."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.vllm import prepare

ROOT = Path(__file__).parents[4]
FILES = [Path(__file__).with_name(f"test_{name}.py") for name in ("export", "fit", "tier")]


@pytest.mark.vllm
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is not None, reason="torch is here: the tests run directly"
)
def test_the_tests_of_the_refined_tiers_training_pass_where_torch_is() -> None:
    folder = prepare.home()
    if not prepare.is_prepared(folder):
        missing("an environment with torch", "python tests/vllm/prepare.py")
    done = subprocess.run(
        [folder / "venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", *FILES],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout, done.stdout
