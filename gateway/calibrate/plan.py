"""The points of a calibration, and the loop that measures them until the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.calibrate.fit import Measured
from gateway.calibrate.measure import PROMPT, Sample, decode, time_to_first_token, turnover
from gateway.calibrate.server import Server

ROUNDS = 5
"""Repeats of each point, if the time suffices."""

WINDOW_S = (0.1, 0.4)
"""Seconds a point should be watched, least and most: long against what an operating system may
steal; a short budget buys shorter windows."""

KV_SHARE = 0.8
"""Of the KV memory at most so much is filled, or requests would be preempted."""

SURE = 3
"""Times a server must have run the same too small number of streams before that is its limit: on a
busy machine one stream may have ended before another began."""

LONGEST_PREFILL = 1024
"""Tokens: half of vLLM's smallest default budget of a step; a longer prompt may take several, and
attention makes its tokens dearer than a line can tell."""


@dataclass(slots=True)
class Room:
    """How much fits the server."""

    max_sequences: int
    max_model_len: int
    kv_tokens: int | None
    step_s: float
    """Of a single stream."""
    window_s: float

    def fits(self, sequences: int, prompt: int, output: int) -> bool:
        """Whether so many such streams run side by side."""
        total = sequences * (prompt + output)
        within = self.kv_tokens is None or total <= KV_SHARE * self.kv_tokens
        return within and prompt + output <= self.max_model_len

    def output(self, prompt: int) -> int:
        """Tokens to write for a window of the wanted length."""
        wanted = min(512, max(16, round(self.window_s / self.step_s)))
        return max(2, min(wanted, self.max_model_len - prompt))


@dataclass(slots=True)
class Calibration:
    """Everything measured so far."""

    server: Server
    room: Room
    limit: int | None = None
    """Sequences the server ran at once when it had more to run."""
    samples: dict[tuple[str, int, int], list[Sample]] = field(default_factory=dict)

    def measured(self) -> list[Measured]:
        """The points, in the order of their first measurement."""
        return [Measured(key[0], samples) for key, samples in self.samples.items()]

    def points(self) -> list[tuple[str, int, int]]:
        """What to measure: (kind, streams, prompt tokens)."""
        return [*self._prefills(), *self._decodes(), *self._turnovers()]

    def _prefills(self) -> Iterator[tuple[str, int, int]]:
        prompt = PROMPT
        while prompt <= LONGEST_PREFILL:
            if self.room.fits(1, prompt, 1):
                yield "prefill", 1, prompt
            prompt *= 4

    def _decodes(self) -> Iterator[tuple[str, int, int]]:
        sequences = 1
        while sequences <= self.room.max_sequences:
            for prompt in (PROMPT, 256, 1024):
                if self.room.fits(sequences, prompt, self.room.output(prompt)):
                    yield "decode", sequences, prompt
            sequences *= 2

    def _turnovers(self) -> Iterator[tuple[str, int, int]]:
        for sequences in sorted({1, min(3, self.room.max_sequences - 1)} - {0}):
            for entering in (PROMPT, 256):
                fits = self.room.fits(sequences, PROMPT, 4 * self.room.output(PROMPT))
                if fits and self.room.fits(sequences + 1, entering, 2):
                    yield "turnover", sequences, entering

    async def measure(self, kind: str, sequences: int, prompt: int) -> None:
        """Measure one point once more; nothing if it is known to exceed the server's limit."""
        if kind == "prefill":
            sample = await time_to_first_token(self.server, prompt)
        elif self.limit is not None and sequences + (kind == "turnover") > self.limit:
            return
        elif kind == "turnover":
            output = self.room.output(PROMPT) * 2
            sample = await turnover(self.server, sequences, output, prompt)
        else:
            sample, sequences = await self._decode(sequences, prompt)
        self.samples.setdefault((kind, sequences, prompt), []).append(sample)

    async def _decode(self, sequences: int, prompt: int) -> tuple[Sample, int]:
        """A sample, and how many streams it is of: fewer where the server's limit is lower."""
        found: set[int] = set()
        for _ in range(SURE):
            sample, ran = await decode(self.server, sequences, prompt, self.room.output(prompt))
            found.add(ran)
            if ran == sequences:
                return sample, ran
        if len(found) == 1:
            self.limit = ran
        return sample, ran


async def warm_up(server: Server, max_sequences: int, budget_s: float) -> Room:
    """The first requests of a server are slow: let them pass, and learn how long a step takes."""
    await server.learn_prompts()
    context = server.max_model_len or 2 * LONGEST_PREFILL
    output = max(2, min(32, context - PROMPT))
    for _ in range(2):
        await server.stream(PROMPT, output)
    samples = [(await decode(server, 1, PROMPT, output))[0] for _ in range(3)]
    step = min(sample.seconds for sample in samples)
    window = min(max(WINDOW_S[0], budget_s / 150), WINDOW_S[1])
    return Room(max_sequences, context, server.report.kv_tokens, step, window)


async def calibrate(
    server: Server, max_sequences: int, budget_s: float, told: Callable[[int, int], None]
) -> Calibration:
    """Measure round after round until there are enough or the time is up.

    ``told`` hears (points measured, points in all) after each. The first round is always
    completed: without it there is nothing to fit.
    """
    deadline = time.monotonic() + budget_s
    run = Calibration(server, await warm_up(server, max_sequences, budget_s))
    points = run.points()
    for round_ in range(ROUNDS):
        for index, point in enumerate(points):
            if round_ and time.monotonic() > deadline:
                return run
            await run.measure(*point)
            told(round_ * len(points) + index + 1, ROUNDS * len(points))
        await server.check_idle()
    return run
