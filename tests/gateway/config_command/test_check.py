"""`lengthwise config check`: every kind of broken file is refused with line, fault and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import main
from tests.deploy.paths import DEPLOY
from tests.gateway.config_command.broken import BROKEN, KEY, Broken

EXAMPLE = DEPLOY / "lengthwise.yaml"


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LENGTHWISE_DATA", raising=False)


def faults(capsys: pytest.CaptureFixture[str], *files: Path) -> list[str]:
    """The lines with which files are refused."""
    assert main(["config", "check", *map(str, files)]) == 2
    return capsys.readouterr().err.splitlines()


def test_there_are_a_hundred_broken_files_and_more() -> None:
    assert len({broken.text for broken in BROKEN}) == len(BROKEN) >= 100


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.says.strip(": ")[:30])
def test_a_broken_file_is_refused_with_line_fault_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: Broken
) -> None:
    file = tmp_path / "lengthwise.yaml"
    text = broken.text
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    first, *_ = faults(capsys, file)
    place = f"{file}:{broken.line}: " if broken.line else f"{file}: "
    assert first.startswith(place)
    assert broken.says in first
    assert broken.remedy in first
    assert first.endswith((".", "?"))
    assert KEY not in first
    assert len(first) < 1000


def test_what_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    absent, folder = tmp_path / "absent.yaml", tmp_path
    lines = faults(capsys, absent, folder, loop, EXAMPLE / "below")
    assert lines[0] == f"{absent}: cannot be read: No such file or directory. Check the path."
    assert lines[1] == f"{folder}: cannot be read: Is a directory. Check the path."
    assert all(line.endswith("Check the path.") for line in lines[2:])
    assert len(lines) == 4


def test_a_file_without_permission_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lengthwise.yaml"
    file.write_text("queue: {}\n")
    refused = PermissionError(13, "Permission denied", str(file))

    def refuse(*_: object, **__: object) -> None:
        raise refused

    monkeypatch.setattr(Path, "open", refuse)  # root may read what has no permissions
    [line] = faults(capsys, file)
    assert line == f"{file}: cannot be read: Permission denied. Check the path."


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LENGTHWISE_QUEUE_MAX_WATING", "5", "Did you mean LENGTHWISE_QUEUE_MAX_WAITING?"),
        ("LENGTHWISE_QUEUE_MAX_WAITING", "", "Give a value, or unset it"),
        ("LENGTHWISE_QUEUE_MAX_WAITING", "x", "queue.max_waiting: input should be a valid integer"),
        ("LENGTHWISE_QUEUE_MAX_WAITING", "[", "is not valid YAML. Check its quotes."),
        ("LENGTHWISE_WORKERS", "", "names no worker. Give one"),
        ("LENGTHWISE_WORKERS", "gpu-1", "Give them with http://"),
        ("LENGTHWISE_DISCOVERY_DNS", "", "is empty. Give a value, or unset it"),
    ],
)
def test_the_environment_is_checked_as_well(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    says: str,
) -> None:
    monkeypatch.setenv(name, value)
    [line] = faults(capsys, EXAMPLE)
    assert line.startswith(f"environment variable {name}")
    assert says in line


def test_what_only_the_start_would_find_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lengthwise.yaml"
    file.write_text("endpoints:\n  queued: [/v1/chat/completions]\n")
    assert "endpoints.queued" in " ".join(faults(capsys, file))


def test_every_fault_of_every_file_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("listen:\n  port: x\nqueue:\n  max: 1\n")
    other.write_text("workers:\n- url: gpu\n")
    lines = faults(capsys, one, EXAMPLE, other)
    assert [line.partition(": ")[0] for line in lines] == [f"{one}:2", f"{one}:4", f"{other}:2"]


def test_valid_files_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lengthwise.yaml"
    file.write_bytes(b"\xef\xbb\xbfqueue:\r\n  max_waiting: 5\r\n")  # as Windows saves it
    assert main(["config", "check", str(EXAMPLE), str(file)]) == 0
    output = capsys.readouterr()
    assert f"{EXAMPLE}: valid" in output.out
    assert f"{file}: valid; 1 setting" in output.out
    assert output.err == ""


def test_a_broken_file_of_keys_is_refused_as_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, file = tmp_path / "keys", tmp_path / "lengthwise.yaml"
    file.write_text(f"access: {{keys_file: {keys}}}\n")
    assert main(["config", "check", str(file)]) == 0  # made later, or elsewhere
    keys.write_text("\n{\n")
    assert main(["config", "check", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"{keys}:2: ")
