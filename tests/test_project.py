"""The project's own rules: style, types, imports, and a README that says what CI runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(sys.executable).parent


@pytest.mark.timeout(600)  # mypy without its cache
@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["mypy", "deploy/grafana"],
        ["lint-imports", "--no-cache"],
    ],
    ids=" ".join,
)
def test_the_code_passes(command: list[str]) -> None:
    program, *flags = command
    ran = subprocess.run(
        [PROGRAMS / program, *flags], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_ci_runs_the_readmes_test_command() -> None:
    install = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]'"
    command = f"{install} && .venv/bin/python -m pytest"
    for file in ("README.md", ".ci/run"):
        lines = [line.removesuffix(" ||") for line in (ROOT / file).read_text().splitlines()]
        assert command in lines, f"{file} says otherwise"
