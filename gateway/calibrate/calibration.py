"""The loop of a calibration: measures every point, round after round, within a time budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from gateway.calibrate.client import CalibrationClient
from gateway.calibrate.fit import PointSamples
from gateway.calibrate.measure import (
    SHORT_PROMPT_TOKENS,
    StepSample,
    decode,
    time_to_first_token,
    tried,
    turnover,
)
from gateway.calibrate.points import LONGEST_PREFILL, Point, PointPlan

ROUNDS = 5
"""Measurements of each point, if the time suffices."""

WINDOW_S = (0.1, 0.4)
"""Shortest and longest time in seconds for which a point is observed. The operating system may
suspend a process for a small part of this time. A short budget gives short windows."""

LIMIT_CONFIRMATIONS = 3
"""Measurements in which the server runs the same number of streams, fewer than were sent, before
this number counts as the server's limit. A single measurement can be wrong: on a busy machine one
stream may end before another begins."""


@dataclass(slots=True)
class Calibration:
    """All measurements so far.

    ``limit`` is the number of sequences that the server ran at once when more were sent; None if
    the server ran every sequence.
    """

    client: CalibrationClient
    plan: PointPlan
    limit: int | None = None
    samples: dict[Point, list[StepSample]] = field(default_factory=dict)

    def measured(self) -> list[PointSamples]:
        """The measured points, in the order of their first measurement."""
        return [PointSamples(point.kind, samples) for point, samples in self.samples.items()]

    async def measure(self, point: Point) -> None:
        """Measure a point once more; a point known to exceed the server's limit is skipped.

        Raises:
            CalibrationError: the server refuses a request, or nothing is measured in several tries.
        """
        await tried(partial(self._measure, point))

    async def _measure(self, point: Point, longer: int) -> None:
        if point.kind == "prefill":
            sample = await time_to_first_token(self.client, point.prompt_tokens)
        elif self.limit is not None and point.sequences + (point.kind == "turnover") > self.limit:
            return
        elif point.kind == "turnover":
            output_tokens = self.plan.output_tokens(SHORT_PROMPT_TOKENS) * 2 * longer
            sample = await turnover(
                self.client, point.sequences, output_tokens, point.prompt_tokens
            )
        else:
            sample, running = await self._decode(point)
            point = point._replace(sequences=running)
        self.samples.setdefault(point, []).append(sample)

    async def _decode(self, point: Point) -> tuple[StepSample, int]:
        """A sample, and the number of streams in it: fewer if the server's limit is lower."""
        output_tokens = self.plan.output_tokens(point.prompt_tokens)
        counts: set[int] = set()
        for _ in range(LIMIT_CONFIRMATIONS):
            sample, running = await decode(
                self.client, point.sequences, point.prompt_tokens, output_tokens
            )
            counts.add(running)
            if running == point.sequences:
                return sample, running
        if len(counts) == 1:
            self.limit = running
        return sample, running


async def warm_up(client: CalibrationClient, max_sequences: int, budget_s: float) -> PointPlan:
    """Send a server's first requests, which are slow, then measure a step and plan the points.

    Raises:
        CalibrationError: the server cannot be measured.
    """
    await client.learn_prompts()
    context = client.max_model_len or 2 * LONGEST_PREFILL
    output_tokens = max(2, min(32, context - SHORT_PROMPT_TOKENS))
    for _ in range(2):
        await client.stream(SHORT_PROMPT_TOKENS, output_tokens)
    samples = [
        (await tried(lambda _: decode(client, 1, SHORT_PROMPT_TOKENS, output_tokens)))[0]
        for _ in range(3)
    ]
    return PointPlan(
        max_sequences=max_sequences,
        max_model_len=context,
        kv_tokens=client.report.kv_tokens,
        step_s=min(sample.seconds for sample in samples),
        window_s=min(max(WINDOW_S[0], budget_s / 150), WINDOW_S[1]),
    )


async def calibrate(
    client: CalibrationClient,
    max_sequences: int,
    budget_s: float,
    on_progress: Callable[[int, int], None],
) -> Calibration:
    """Measure every point up to ``ROUNDS`` times, until ``budget_s`` seconds have passed.

    The first round is always completed, because the fit needs every point. ``on_progress`` is
    called with (measurements done, measurements in all) after each measurement.

    Raises:
        CalibrationError: the server cannot be measured, or another client uses it.
    """
    deadline = time.monotonic() + budget_s
    calibration = Calibration(client, await warm_up(client, max_sequences, budget_s))
    points = calibration.plan.points()
    for round_number in range(ROUNDS):
        for index, point in enumerate(points):
            if round_number and time.monotonic() > deadline:
                return calibration
            await calibration.measure(point)
            on_progress(round_number * len(points) + index + 1, ROUNDS * len(points))
        await client.check_idle()
    return calibration
