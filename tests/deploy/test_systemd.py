"""The unit of systemd: what it starts, how it stops, and what systemd says of it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.config.settings import Config
from gateway.config_command.command import add_config_arguments
from gateway.serve.command import add_serve_arguments
from tests.deploy.paths import DEPLOY
from tests.deploy.test_compose import _flags

UNIT = DEPLOY / "systemd" / "lengthwise.service"


def _service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read_string(UNIT.read_text("utf-8"))
    return unit["Service"]


def test_the_parser_accepts_what_the_unit_starts() -> None:
    before, start = (_service()[name].split() for name in ("ExecStartPre", "ExecStart"))
    assert start[0] == before[0] == "/opt/lengthwise/bin/lengthwise"
    served = _flags(start[1:], "serve", add_serve_arguments)
    checked = _flags(before[1:], "config", add_config_arguments)
    assert [str(served.config)] == list(map(str, checked.files))
    assert str(served.config) == "/etc/lengthwise/lengthwise.yaml"


def test_systemd_waits_longer_than_the_gateway_drains() -> None:
    shutdown = Config().shutdown
    assert int(_service()["TimeoutStopSec"]) > shutdown.lame_duck_s + shutdown.drain_timeout_s


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("systemd-analyze is missing: the unit's command and times are checked above")
    program = tmp_path / "lengthwise"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8").replace("/opt/lengthwise/bin/lengthwise", str(program))
    unit.write_text(text)
    command = [systemd, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert ours == []
