"""The three measurements: windows of time in which the server's work is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from gateway.calibrate.client import CalibrationClient
from gateway.calibrate.errors import NothingMeasuredError
from gateway.calibrate.stream import Stream

SHORT_PROMPT_TOKENS = 32
"""Tokens of a prompt with a negligible prefill, the chat template included."""


LONGER = (1, 2, 2)
"""By how much the streams of each try are longer, where requests are to enter meanwhile."""

Sample = TypeVar("Sample")


@dataclass(frozen=True, slots=True)
class StepSample:
    """One measurement: ``seconds``, and the work done in that time.

    A sample of decode or turnover describes one step. A sample of prefill describes the time to the
    first token. ``requests`` counts the requests that entered, ``prefill_tokens`` the tokens of
    their prompts.
    """

    seconds: float
    sequences: float
    kv_tokens: float
    prefill_tokens: float = 0.0
    requests: float = 0.0


async def tried(measure: Callable[[int], Awaitable[Sample]]) -> Sample:
    """What ``measure`` finds, which is given one of ``LONGER``.

    It is tried with each of them where its streams do not overlap.

    Raises:
        NothingMeasuredError: each time.
    """
    *first, last = LONGER
    for longer in first:
        with suppress(NothingMeasuredError):
            return await measure(longer)
    return await measure(last)


async def time_to_first_token(client: CalibrationClient, prompt_tokens: int) -> StepSample:
    """The time to the first token of one prompt on the idle server, in seconds.

    Raises:
        CalibrationError: the server refuses the request.
    """
    stream = await client.stream(prompt_tokens, 1)
    return StepSample(
        seconds=stream.events[0] - stream.sent,
        sequences=1,
        kv_tokens=stream.prompt_tokens,
        prefill_tokens=stream.prompt_tokens - 1,
        requests=1,
    )


async def decode(
    client: CalibrationClient, sequences: int, prompt_tokens: int, output_tokens: int
) -> tuple[StepSample, int]:
    """The time of a step while all of ``sequences`` streams decode.

    The second value is the number of streams that ran at once: fewer than ``sequences`` if the
    server's limit is lower.

    Raises:
        CalibrationError: the server refuses a request.
        NothingMeasuredError: no two streams ran at the same time.
    """
    return together(await _gather(client, [(prompt_tokens, output_tokens)] * sequences))


def together(streams: Sequence[Stream]) -> tuple[StepSample, int]:
    """The time of a step while streams decode together, and how many of ``streams`` do.

    Raises:
        NothingMeasuredError: none does.
    """
    first_end = min(stream.events[-1] for stream in streams)
    running = [stream for stream in streams if stream.events[0] < first_end]
    begin = max((stream.events[0] for stream in running), default=first_end)
    return _step_sample(running, begin, first_end), len(running)


async def turnover(
    client: CalibrationClient, sequences: int, output_tokens: int, entering_tokens: int
) -> StepSample:
    """A step of ``sequences`` streams while one short request after another enters and leaves.

    Raises:
        CalibrationError: the server refuses a request.
        NothingMeasuredError: the server answers no short request meanwhile.
    """
    tasks = [
        asyncio.create_task(client.stream(SHORT_PROMPT_TOKENS, output_tokens))
        for _ in range(sequences)
    ]
    try:
        await client.stream(SHORT_PROMPT_TOKENS, 1)  # at its end, the streams decode
        begin = time.perf_counter()
        entered = await _short_requests(client, entering_tokens, tasks)
        streams = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    begin = max(begin, *(stream.events[0] for stream in streams))
    end = min(stream.events[-1] for stream in streams)
    ends = [moment for moment, _ in entered if begin < moment <= end]
    if len(ends) < 2:
        raise NothingMeasuredError(
            f"{client.url}: no request was answered while {sequences} others ran; is another "
            "client using the server?"
        )
    return add_entering_requests(_step_sample(streams, ends[0], ends[-1]), ends, entered)


Entered = list[tuple[float, int]]
"""End (seconds) and prompt tokens of each short request."""


async def _short_requests(
    client: CalibrationClient, prompt_tokens: int, others: Sequence[asyncio.Task[Stream]]
) -> Entered:
    """Send one short request after another, until the first of ``others`` ends."""
    entered: Entered = []
    while not any(task.done() for task in others):
        short = await client.stream(prompt_tokens, 1)
        entered.append((time.perf_counter(), short.prompt_tokens))
    return entered


def add_entering_requests(step: StepSample, ends: Sequence[float], entered: Entered) -> StepSample:
    """The step with the work of the short requests that ended at ``ends``.

    The window reaches from the first to the last of ``ends`` (seconds), so the window holds one
    request less than there are ends.
    """
    prompt_tokens = median(tokens for _, tokens in entered)
    steps = (ends[-1] - ends[0]) / step.seconds
    per_step = (len(ends) - 1) / steps
    return StepSample(
        seconds=step.seconds,
        sequences=step.sequences + per_step,
        kv_tokens=step.kv_tokens + per_step * prompt_tokens,
        prefill_tokens=per_step * (prompt_tokens - 1),
        requests=per_step,
    )


async def _gather(client: CalibrationClient, sizes: Sequence[tuple[int, int]]) -> list[Stream]:
    tasks = [asyncio.create_task(client.stream(*size)) for size in sizes]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _step_sample(streams: Sequence[Stream], begin: float, end: float) -> StepSample:
    """The time of a step between two moments at which all streams decode."""
    before = [stream.tokens_until(begin) for stream in streams]
    after = [stream.tokens_until(end) for stream in streams]
    steps = (
        median(late - early for early, late in zip(before, after, strict=True)) if streams else 0
    )
    if steps <= 0:
        raise NothingMeasuredError("no two streams ran at the same time: nothing can be measured")
    decoded = (sum(before) + sum(after)) / 2
    return StepSample(
        seconds=(end - begin) / steps,
        sequences=len(streams),
        kv_tokens=sum(stream.prompt_tokens for stream in streams) + decoded,
    )
