"""The examples of proxies are valid to the programs that read them, where those are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.paths import DEPLOY

PROXIES = DEPLOY / "proxies"

CHECKS = {
    "nginx.conf": ("nginx", "-t", "-c"),
    "Caddyfile": ("caddy", "validate", "--adapter", "caddyfile", "--config"),
    "envoy.yaml": ("envoy", "--mode", "validate", "-c"),
}
"""File -> the command that checks it, without its path."""


def test_each_example_has_a_check() -> None:
    assert {path.name for path in PROXIES.iterdir()} == {*CHECKS}


@pytest.mark.parametrize("name", CHECKS)
def test_an_example_is_valid(name: str, tmp_path: Path) -> None:
    program, *words = CHECKS[name]
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [found, *words, str(PROXIES / name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "needed", "harmful"),
    [
        ("nginx.conf", ["proxy_buffering off", "proxy_read_timeout 3600s"], []),
        # With flush_interval -1 Caddy does not cancel the request of a client that has gone.
        ("Caddyfile", ["response_header_timeout 3600s"], ["flush_interval", "max_size"]),
        ("envoy.yaml", ["stream_idle_timeout: 3600s", "use_remote_address: true"], []),
    ],
)
def test_streams_and_cancellations_pass(name: str, needed: list[str], harmful: list[str]) -> None:
    text = (PROXIES / name).read_text(encoding="utf-8")
    assert [part for part in needed if part not in text] == []
    assert [part for part in harmful if part in text] == []
