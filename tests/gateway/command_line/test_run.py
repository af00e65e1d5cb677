"""The command line's manners: one line with the remedy, the right exit code, no traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.command_line.commands import COMMANDS
from predictor.exit_codes import CLOSED_PIPE, FAILED, INTERRUPTED, bad_input, failed

COMMAND = [sys.executable, "-m", "gateway.cli"]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line with which arguments are refused."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"lengthwise \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], r"required: COMMAND\. See lengthwise --help\.$"),
        (["sreve"], r"Did you mean serve\?$"),
        (["serve", "--workr", "http://a"], r"^lengthwise serve: .*Did you mean --worker\?$"),
        (["serve", "--model", "m", "--seed", "1"], r"follow after --, as in .* -- --seed"),
        (["log", "--log", "a", "--", "b"], r"-- is for flags of vLLM"),
        (["log"], r"^lengthwise log: .*required: --log\. See lengthwise log --help\.$"),
        (["emulate", "--port", "x"], r"--port: 'x'; give a whole number from 0 to 65535"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line_with_the_nearest_right_ones(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert re.search(complaint, refusal(capsys, *arguments))


def test_a_key_among_unknown_arguments_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "s3cret" not in refusal(capsys, "serve", "--api-kee=s3cret", "--kee", "s3cret")


def test_a_reader_that_leaves_ends_the_command_with_one_line() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = _run("--help", stdout=writer)
    os.close(writer)
    assert ran.returncode == CLOSED_PIPE
    assert ran.stderr == (
        "lengthwise: the reader of the output closed the pipe; `> FILE` keeps all of the output\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_ends_the_command_with_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = _run("--version", stdout=full.fileno())
    assert ran.returncode == FAILED
    assert re.fullmatch(r"lengthwise: the output cannot be written: .*\n", ran.stderr)


def _run(*arguments: str, stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )


def test_ctrl_c_ends_a_command_that_reads_with_one_line() -> None:
    request = b'{"model": "m", "prompt": "Hello"}\n'
    with subprocess.Popen(
        [*COMMAND, "predict"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(request)
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == INTERRUPTED
        assert re.fullmatch(rb"lengthwise: stopped by Ctrl-C; .*\n", process.stderr.read())


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "out"), "out: permission denied; check the"),
        (NotADirectoryError(20, "Not a directory", "a/b"), "a/b: not a directory; give a path"),
        (OSError(28, "No space left on device"), "no space left on device; free some space"),
        (OSError("the log is locked"), "the log is locked"),
    ],
)
def test_an_error_of_the_system_is_told_with_file_and_remedy(
    capsys: pytest.CaptureFixture[str], error: OSError, line: str
) -> None:
    assert bad_input(error) == 2
    assert capsys.readouterr().err.startswith(f"lengthwise: {line}")


def test_a_closed_pipe_of_messages_has_its_own_code() -> None:
    assert bad_input(BrokenPipeError(32, "Broken pipe")) == CLOSED_PIPE


@pytest.mark.parametrize(
    "command",
    [
        ("simulate", "--requests", "{absent}"),
        ("calibrate", "--worker", "http://127.0.0.1:9"),
        ("train", "--data", "{absent}"),
        ("evaluate", "--data", "{absent}"),
        ("log", "--log", "{absent}"),
        ("collect", "--url", "http://127.0.0.1:9", "--model", "m", "--prompts", "{prompts}"),
    ],
    ids=lambda command: command[0],
)
def test_an_output_that_cannot_be_written_is_told_before_any_work(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt_id": "1", "prompt": "Hi"}\n')
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / "file" / "out"
    given = [word.format(absent=tmp_path / "absent", prompts=prompts) for word in command]
    assert main([*given, "--out", str(out)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "file") in line
    assert "absent" not in line
    assert "folder" in line, "the remedy"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_shows_its_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert f"usage: lengthwise {name} " in capsys.readouterr().out
    assert COMMANDS[name].function.rpartition(":")[2] == f"run_{name}"
    module, _, function = COMMANDS[name].function.partition(":")
    assert callable(getattr(import_module(module), function))


def test_help_lists_every_subcommand_with_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"{name} {command.text}" in shown for name, command in COMMANDS.items())


HEAVY = {"fastapi", "lightgbm", "onnxruntime", "pydantic", "uvicorn"}

PROGRAM = """
import json, sys
from gateway.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("scheduler", "--help"), ("scheduler", "--listen", "127.0.0.1:9003")],
    ids=" ".join,
)
def test_a_scheduler_starts_without_what_only_other_subcommands_need(
    arguments: tuple[str, ...],
) -> None:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    modules = set(json.loads(ran.stdout.splitlines()[-1]))
    assert "gateway.command_line.run" in modules
    assert not modules & HEAVY
    assert ("gateway.remote_scheduler.command" in modules) == ("scheduler" in arguments)
    if "--listen" in arguments:
        assert "gateway.remote_scheduler.server" in modules, "it has come as far as the certificate"


class _Pieces(StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)


def test_an_error_is_written_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = _Pieces()
    monkeypatch.setattr(sys, "stderr", pieces)
    assert failed("no luck", 3) == 3
    assert pieces.pieces == ["lengthwise: no luck\n"]
