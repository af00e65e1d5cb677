"""Access records in a file of their own, which may be rotated."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.config.log import LogSettings
from gateway.requests.access_log import ACCESS, AccessLine
from gateway.serve import log_file
from gateway.serve.logs import logging_by

FIELDS = {"id": "a", "time": 0.0, "forecast": None}


def _write(identity: str) -> None:
    line = AccessLine({**FIELDS, "id": identity}, as_json=True)
    logging.getLogger(ACCESS).handle(logging.LogRecord(ACCESS, logging.INFO, "", 0, line, (), None))


def test_a_renamed_file_is_followed_by_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log_file, "LOOK_S", 0.0)
    path = tmp_path / "access.log"
    settings = LogSettings(access="json", access_file=path, level="error")
    with logging_by(settings) as logs:
        _write("first")
        assert logs.access is not None
        logs.access._queue.join()
        path.rename(tmp_path / "access.log.1")
        _write("second")
        logging.getLogger("lengthwise").info("below the level")
        logging.getLogger("lengthwise").error("in the log")
    old, new = (tmp_path / "access.log.1").read_text(), path.read_text()
    assert [json.loads(text)["id"] for text in (old, new)] == ["first", "second"]
    assert json.loads(new)["time"] == "1970-01-01T00:00:00.000Z"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = capfd.readouterr().err
    assert "in the log" in told
    assert "second" not in told
    assert "below" not in told


def test_a_file_that_cannot_be_written_is_refused_by_its_setting(tmp_path: Path) -> None:
    settings = LogSettings(access="human", access_file=tmp_path / "none" / "access.log")
    with pytest.raises(ConfigError, match=r"log\.access_file"), logging_by(settings):
        pass
