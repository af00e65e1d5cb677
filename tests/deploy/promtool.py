"""The programs of Prometheus: prometheus and promtool."""

from __future__ import annotations

import shutil
import subprocess

from tests.conftest import missing


def program(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``."""
    return shutil.which(name) or missing(name, "apt-get install prometheus (Debian, Ubuntu)")


def promtool(*arguments: str) -> str:
    """The output of promtool; the test fails if promtool reports an error."""
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
