"""Requests as JSON lines: prompts with recorded answer lengths, and the predictor's forecasts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

from gateway.simulate.inputs.forecasts import Forecasting, forecast_prompts
from gateway.simulate.inputs.source import RequestSource
from predictor.data.records import DataError
from predictor.inference.request_lines import Line, read_requests
from predictor.prompt import Prompt
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

_BATCH = 256
EXAMPLE = '{"model": "m", "prompt": "...", "prompt_tokens": 12, "output_tokens": 340}'


def json_lines_source(path: Path, how: Forecasting) -> RequestSource:
    """The requests of a file: one JSON object a line such as ``EXAMPLE``, or with ``messages``.

    Either every line has ``arrival`` (seconds, ascending) or none has.

    Raises:
        DataError: a line is not such a request; the message names line, field, value and remedy.
        ArtefactError: the predictor cannot be used.
    """
    lines: list[_RequestLine] = []
    prompts = list(chain(*_prompts(path, lines)))
    if not lines:
        raise DataError(f"{path} holds no requests; give one per line, such as {EXAMPLE}")
    forecasts = forecast_prompts(prompts, how)
    requests = [
        _request(line, prompt, forecast, number)
        for number, (line, prompt, forecast) in enumerate(
            zip(lines, prompts, forecasts.lengths(), strict=True)
        )
    ]

    def request(index: int, rng: Random) -> Request:
        return requests[index]

    title = f"{path.name}: {len(requests):,} requests, {forecasts.title}"
    times = _arrivals(path, lines)
    return RequestSource(title, len(requests), request, times, forecasts.forecaster)


@dataclass(frozen=True, slots=True)
class _RequestLine:
    """The fields of one line that are not part of the prompt."""

    number: int
    model: str
    prompt_tokens: int
    output_tokens: int
    arrival: float | None


def _request(
    line: _RequestLine, prompt: Prompt, forecast: LengthDistribution, number: int
) -> Request:
    return Request(
        line.prompt_tokens,
        line.output_tokens,
        forecast,
        line.model,
        number=number,
        cut=prompt.max_tokens is not None and line.output_tokens >= prompt.max_tokens,
    )


def _prompts(path: Path, lines: list[_RequestLine]) -> Iterator[list[Prompt]]:
    """The prompts in batches; the other fields of each line are appended to ``lines``."""
    for batch in _batches(path):
        prompts, problem = read_requests(batch)
        if problem:
            raise DataError(f"{path}, {problem}")
        lines += [_request_line(path, number, json.loads(line)) for number, line in batch]
        yield prompts


def _batches(path: Path) -> Iterator[Sequence[Line]]:
    with path.open("rb") as file:
        lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        while batch := list(islice(lines, _BATCH)):
            yield batch


def _request_line(path: Path, number: int, body: Mapping[str, Any]) -> _RequestLine:
    where = f"{path}, line {number}"
    for field, least in (("prompt_tokens", 1), ("output_tokens", 0)):
        value = body.get(field)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise DataError(
                f"{where}: field {field}: {json.dumps(value)}; give a whole number of at least "
                f"{least}, such as {EXAMPLE}"
            )
    arrival = body.get("arrival")
    if arrival is not None and (isinstance(arrival, bool) or not isinstance(arrival, int | float)):
        raise DataError(
            f"{where}: field arrival: {json.dumps(arrival)}; give seconds, or omit arrival in "
            "every line"
        )
    return _RequestLine(
        number, body["model"], body["prompt_tokens"], body["output_tokens"], arrival
    )


def _arrivals(path: Path, lines: list[_RequestLine]) -> list[float]:
    """The arrivals in seconds; empty if no line has one."""
    times: list[float] = []
    if all(line.arrival is None for line in lines):
        return times
    previous = -math.inf
    for line in lines:
        time = line.arrival
        if time is None or not (math.isfinite(time) and time >= previous):
            raise DataError(
                f"{path}, line {line.number}: field arrival: {json.dumps(time)}; give seconds that "
                "ascend from line to line, or omit arrival in every line"
            )
        previous = time
        times.append(time)
    return times
