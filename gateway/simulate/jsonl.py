"""Requests as JSON lines: prompts with the lengths that their answers had, forecast here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from gateway.simulate.source import Source
from predictor.data.records import DataError
from predictor.fast.predictor import LengthPredictor
from predictor.inference.request_lines import Line, read_requests
from predictor.prompt import Prompt
from predictor.refined.tiers import required
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

_BATCH = 256
EXAMPLE = '{"model": "m", "prompt": "...", "prompt_tokens": 12, "output_tokens": 340}'


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The predictor in ``model_dir`` (None: the one that ships), fast or refined."""

    model_dir: Path | None = None
    tier: str = "fast"

    def of(self, prompts: Iterator[list[Prompt]]) -> Iterator[list[LengthDistribution]]:
        """The forecasts of batches of prompts, each cut at its ``max_tokens``.

        Raises:
            ArtifactError: the predictor is unusable, or has no such tier.
        """
        predictor = LengthPredictor.load(self.model_dir)
        refined = required(self.model_dir) if self.tier == "refined" else None
        for batch in prompts:
            outlooks = predictor.outlooks(batch)
            if refined is not None:
                outlooks = refined.refine(batch, outlooks)
            yield outlooks.distributions([prompt.max_tokens for prompt in batch])


def read_json_lines(path: Path, forecasts: Forecasts) -> Source:
    """The requests of a file, one a line as ``EXAMPLE``, or with ``messages``.

    ``arrival`` (seconds) may stand in every line, ascending.

    Raises:
        DataError: a line is no such request; the message names line, field, value and remedy.
        ArtifactError: the predictor is unusable.
    """
    sizes: list[_Size] = []
    distributions = list(forecasts.of(_prompts(path, sizes)))
    lengths = [length for batch in distributions for length in batch]
    if not sizes:
        raise DataError(f"{path} holds no requests; give one a line, such as {EXAMPLE}")
    requests = [
        Request(size.prompt_tokens, size.output_tokens, length, size.model)
        for size, length in zip(sizes, lengths, strict=True)
    ]

    def request(at: int, rng: Random) -> Request:
        return requests[at]

    title = f"{path.name}: {len(requests):,} requests, {forecasts.tier} forecasts"
    return Source(title, len(requests), request, _times(path, sizes))


@dataclass(frozen=True, slots=True)
class _Size:
    line: int
    model: str
    prompt_tokens: int
    output_tokens: int
    arrival: float | None


def _prompts(path: Path, sizes: list[_Size]) -> Iterator[list[Prompt]]:
    """The prompts in batches; ``sizes`` gets the rest of each line."""
    for batch in _batches(path):
        prompts, problem = read_requests(batch)
        if problem:
            raise DataError(f"{path}, {problem}")
        sizes += [_size(path, number, json.loads(line)) for number, line in batch]
        yield prompts


def _batches(path: Path) -> Iterator[Sequence[Line]]:
    with path.open("rb") as file:
        lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        while batch := list(islice(lines, _BATCH)):
            yield batch


def _size(path: Path, number: int, body: Mapping[str, Any]) -> _Size:
    for field, least in (("prompt_tokens", 1), ("output_tokens", 0)):
        value = body.get(field)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise DataError(
                f"{path}, line {number}: field {field}: {json.dumps(value)}; give a whole number "
                f"of at least {least}, such as {EXAMPLE}"
            )
    arrival = body.get("arrival")
    if arrival is not None and (isinstance(arrival, bool) or not isinstance(arrival, int | float)):
        raise DataError(
            f"{path}, line {number}: field arrival: {json.dumps(arrival)}; give seconds, or leave "
            "it out of every line"
        )
    return _Size(number, body["model"], body["prompt_tokens"], body["output_tokens"], arrival)


def _times(path: Path, sizes: list[_Size]) -> list[float]:
    times: list[float] = []
    if all(size.arrival is None for size in sizes):
        return times
    before = -math.inf
    for size in sizes:
        if size.arrival is None or not (math.isfinite(size.arrival) and size.arrival >= before):
            raise DataError(
                f"{path}, line {size.line}: field arrival: {json.dumps(size.arrival)}; give "
                "seconds that ascend from line to line, or leave it out of every line"
            )
        before = size.arrival
        times.append(before)
    return times
