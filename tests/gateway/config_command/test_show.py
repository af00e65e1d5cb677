"""`lengthwise config show`: every setting, its value, where it comes from, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config.effective import effective
from gateway.config.load import Loaded
from gateway.config.settings import Config

SECRET = "sk-never-shown"


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[str, str]]:
    """Setting -> value and place, as printed."""
    assert main(["config", "show", *arguments]) == 0
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    return {name: (value, place) for name, value, place in rows}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lengthwise.yaml"
    path.write_text(
        "queue:\n"
        "  max_waiting: 5\n"
        "  timeout_s: 7\n"
        "workers:\n"
        f"  - url: http://user:{SECRET}@gpu:8000/v1\n"
        "    speed: 2\n"
        f"  - {{url: 'http://b', api_key: {SECRET}}}\n"
        "tenants:\n"
        f"  known: [{{name: a, api_key: {SECRET}}}]\n"
        "learning: {folder: /var/lib/lengthwise}\n"
        f"access: {{api_keys: {{alice: {SECRET}-at-all}}}}\n"
    )
    return path


def test_each_setting_is_shown_with_its_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setenv("LENGTHWISE_QUEUE_TIMEOUT_S", "9")
    monkeypatch.setenv("LENGTHWISE_LISTEN_PORT", "81")
    found = shown(capsys, "--config", str(file), "--port", "82")
    assert found["queue.max_waiting"] == ("5", f"{file}:2")
    assert found["queue.timeout_s"] == ("9.0", "environment variable LENGTHWISE_QUEUE_TIMEOUT_S")
    assert found["listen.port"] == ("82", "flag --port")
    assert found["queue.no_worker_grace_s"] == ("10.0", "default")
    assert found["workers.0.url"] == ('"http://***@gpu:8000"', f"{file}:5")
    assert found["workers.0.speed"] == ("2.0", f"{file}:6")
    assert found["workers.0.draining"] == ("false", "default")
    assert found["workers.1.api_key"] == ('"***"', f"{file}:7")
    assert found["learning.folder"] == ('"/var/lib/lengthwise"', f"{file}:10")


def test_workers_of_a_variable_or_a_flag_come_from_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setenv("LENGTHWISE_WORKERS", "http://c")
    found = shown(capsys, "--config", str(file))
    assert found["workers.0.url"] == ('"http://c"', "environment variable LENGTHWISE_WORKERS")
    assert "workers.1.url" not in found
    found = shown(capsys, "--config", str(file), "--worker", "http://d")
    assert found["workers.0.url"] == ('"http://d"', "flag --worker")


def test_no_secret_is_shown(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    for more in ((), ("--json",)):
        assert main(["config", "show", "--config", str(file), *more]) == 0
        output = capsys.readouterr().out
        assert SECRET not in output
        assert '"alice": "***"' in output


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert main(["config", "show", "--config", str(file), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"setting": "queue.max_waiting", "value": 5, "from": f"{file}:2"} in rows
    assert {"setting": "cors.origins", "value": None, "from": "default"} in rows


def test_without_a_file_all_is_default() -> None:
    settings = list(effective(Loaded(Config(), {})))
    assert {one.place for one in settings} == {"default"}
    assert {one.name.split(".")[0] for one in settings} == set(Config.model_fields)


def test_a_broken_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["config", "show", "--config", str(tmp_path / "absent")]) == 2
    assert "cannot be read" in capsys.readouterr().err
