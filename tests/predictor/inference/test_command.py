"""`lengthwise predict`: one forecast a line, and messages for faulty lines."""

import argparse
import json
import os
import re
from pathlib import Path

import pytest

from predictor.inference.command import add_predict_arguments, run_predict
from predictor.inference.request_lines import batches
from tests.predictor.small_castillo import FREE

LEVELS = [str(round(0.05 * step, 2)) for step in range(1, 20)]


def predict(model: Path, lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    parser = argparse.ArgumentParser()
    add_predict_arguments(parser)
    given = tmp_path / "lines.jsonl"
    given.write_text(lines)
    with given.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        return run_predict(parser.parse_args(["--model-dir", str(model)]))


def test_each_line_is_answered_in_order(
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits = [7, 60, 20, 5, 90] * 60
    asked = [
        {"model": FREE[0], "prompt": "Write a long essay on tea", "max_tokens": limit}
        for limit in limits
    ]
    chat = {"model": FREE[1], "messages": [{"role": "user", "content": "What is tea?"}]}
    responses: dict[str, object] = {"model": FREE[1], "input": "What is tea?"}
    items = {**responses, "input": [{"role": "user", "content": "What is tea?"}]}
    lines = "\n".join(json.dumps(body) for body in [*asked, chat, responses, items])
    assert predict(small_model, lines, tmp_path, monkeypatch) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["quantiles"]["0.95"] for answer in answers[:-3]] == limits
    assert answers[-1] == answers[-2] == answers[-3], "the same words in three APIs"
    for answer in answers:
        assert list(answer) == ["typical", "mean", "quantiles"]
        assert list(answer["quantiles"]) == LEVELS
        assert list(answer["quantiles"].values()) == sorted(answer["quantiles"].values())


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("nonsense", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"prompt": "x"}', "field model"),
        ('{"model": 5, "prompt": "x"}', "field model"),
        ('{"model": "m"}', "field messages"),
        ('{"model": "m", "messages": []}', "field messages"),
        ('{"model": "m", "messages": ["x"]}', r"field messages\[0\]"),
        ('{"model": "m", "messages": [{"content": 5}]}', r"field messages\[0\]\.content"),
        ('{"model": "m", "prompt": 5}', "field prompt"),
        ('{"model": "m", "input": 5}', "field input"),
        ('{"model": "m", "input": "x", "max_output_tokens": 0}', "field max_output_tokens"),
        ('{"model": "m", "prompt": "x", "max_tokens": 0}', "field max_tokens"),
        ('{"model": "m", "prompt": "x", "max_tokens": "9"}', "field max_tokens"),
    ],
)
def test_lines_before_a_faulty_line_are_answered_and_the_message_names_the_line(
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    field: str,
) -> None:
    good = '{"model": "m", "prompt": "x"}'
    lines = f"{good}\n\n{line}\n{good}\n"
    assert predict(small_model, lines, tmp_path, monkeypatch) == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert captured.err.startswith("lengthwise: line 3: ")
    assert re.search(field, captured.err)


def test_a_complete_line_in_a_pipe_is_a_batch_at_once() -> None:
    reader, writer = os.pipe()
    lines = batches(reader)
    os.write(writer, b'{"a": 1}\n{"b"')
    assert next(lines) == [(1, b'{"a": 1}')]
    os.write(writer, b": 2}\n\nlast")
    assert next(lines) == [(2, b'{"b": 2}')]
    os.close(writer)
    assert list(lines) == [[(4, b"last")]]
    os.close(reader)


def test_a_missing_model_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(tmp_path / "none", "", tmp_path, monkeypatch) == 2
    assert "lengthwise train" in capsys.readouterr().err
