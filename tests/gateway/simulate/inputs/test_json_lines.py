"""Requests as JSON lines: their lengths, the forecasts of their prompts, and bad lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.simulate.inputs.reader import read_source
from predictor.data.records import DataError
from tests.gateway.simulate.inputs.files import OPTIONS, all_requests, write_json_lines

LINE = {"model": "m", "prompt": "Say something.", "prompt_tokens": 5, "output_tokens": 40}


def test_each_line_becomes_a_request_with_the_forecast_of_its_prompt(tmp_path: Path) -> None:
    chat = {**LINE, "messages": [{"role": "user", "content": "Hi"}], "output_tokens": 9}
    del chat["prompt"]
    capped = {**LINE, "max_tokens": 3}
    source = read_source(write_json_lines(tmp_path, LINE, chat, capped), OPTIONS)
    requests = all_requests(source)
    assert [(r.prompt_tokens, r.output_tokens) for r in requests] == [(5, 40), (5, 9), (5, 40)]
    assert requests[0].length.tokens[-1] > 100
    assert requests[2].length.tokens[-1] == 3
    assert not source.times


def test_lines_may_carry_arrivals(tmp_path: Path) -> None:
    rows = [{**LINE, "arrival": seconds} for seconds in (1.0, 4.0)]
    assert read_source(write_json_lines(tmp_path, *rows), OPTIONS).times == [1.0, 4.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_tokens": "many"}, r"line 2: field output_tokens: \"many\"; give a whole number"),
        ({"prompt_tokens": None}, r"line 2: field prompt_tokens: null"),
        ({"prompt_tokens": 0}, r"line 2: field prompt_tokens: 0; .* at least 1"),
        ({"model": 3}, r"line 2: field model"),
        ({"prompt": None}, r"line 2: field prompt"),
        ({"arrival": "noon"}, r"line 2: field arrival: \"noon\"; give seconds"),
        ({"arrival": 3.0}, r"line 1: field arrival: null; .* omit arrival in every line"),
    ],
)
def test_a_bad_line_is_refused_with_field_value_and_remedy(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_source(write_json_lines(tmp_path, LINE, {**LINE, **change}), OPTIONS)


def test_arrivals_that_descend_are_refused(tmp_path: Path) -> None:
    rows = [{**LINE, "arrival": seconds} for seconds in (4.0, 1.0)]
    with pytest.raises(DataError, match=r"line 2: field arrival: 1.0; give seconds that ascend"):
        read_source(write_json_lines(tmp_path, *rows), OPTIONS)


def test_a_file_without_requests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no requests; give one per line"):
        read_source(write_json_lines(tmp_path), OPTIONS)
