"""What is measured, and how: windows of a server's work of which the content is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from gateway.calibrate.server import CalibrationError, Server, Stream

PROMPT = 32
"""Tokens of a prompt that should cost next to nothing; a chat template alone takes some."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: ``seconds`` of what took, for each step, so much work.

    For "decode" and "turnover" the seconds are those of one step, for "prefill" those to the first
    token. ``requests`` and ``prefill_tokens`` are those that came in meanwhile.
    """

    seconds: float
    sequences: float
    kv_tokens: float
    prefill_tokens: float = 0.0
    requests: float = 0.0


async def time_to_first_token(server: Server, prompt_tokens: int) -> Sample:
    """One prompt on the idle server."""
    stream = await server.stream(prompt_tokens, 1)
    return Sample(
        seconds=stream.events[0] - stream.sent,
        sequences=1,
        kv_tokens=stream.prompt_tokens,
        prefill_tokens=stream.prompt_tokens - 1,
        requests=1,
    )


async def decode(
    server: Server, sequences: int, prompt_tokens: int, output_tokens: int
) -> tuple[Sample, int]:
    """So many streams at once: the time of a step while all of them write.

    Also how many the server ran at once: fewer than ``sequences`` if its limit is lower.
    """
    streams = await _gather(server, [(prompt_tokens, output_tokens)] * sequences)
    first_end = min(stream.events[-1] for stream in streams)
    together = [stream for stream in streams if stream.events[0] < first_end]
    begin = max(stream.events[0] for stream in together)
    sample = _window(together, begin, first_end)
    return sample, len(together)


async def turnover(
    server: Server, sequences: int, output_tokens: int, entering_tokens: int
) -> Sample:
    """A step of ``sequences`` streams while one short request after another enters and leaves."""
    writing = [asyncio.create_task(server.stream(PROMPT, output_tokens)) for _ in range(sequences)]
    try:
        done: list[tuple[float, int]] = []
        await server.stream(PROMPT, 1)  # by then the others write
        begin = time.perf_counter()
        while not any(task.done() for task in writing):
            short = await server.stream(entering_tokens, 1)
            done.append((time.perf_counter(), short.prompt_tokens))
        streams = await asyncio.gather(*writing)
    finally:
        for task in writing:
            task.cancel()
    begin = max(begin, *(stream.events[0] for stream in streams))
    end = min(stream.events[-1] for stream in streams)
    inside = [moment for moment, _ in done if begin < moment <= end]
    prompt = median(tokens for _, tokens in done) if done else 0
    if len(inside) < 2:
        raise CalibrationError(
            f"{server.url}: no request came through beside {sequences} others; is another client "
            "using the server?"
        )
    # From one request's end to another's: a whole number of them.
    sample = _window(streams, inside[0], inside[-1])
    steps = (inside[-1] - inside[0]) / sample.seconds
    entered = (len(inside) - 1) / steps
    return Sample(
        seconds=sample.seconds,
        sequences=sequences + entered,
        kv_tokens=sample.kv_tokens + entered * prompt,
        prefill_tokens=entered * (prompt - 1),
        requests=entered,
    )


async def _gather(server: Server, sizes: Sequence[tuple[int, int]]) -> list[Stream]:
    tasks = [asyncio.create_task(server.stream(*size)) for size in sizes]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _window(streams: Sequence[Stream], begin: float, end: float) -> Sample:
    """The step time between two moments at which all the streams write."""
    before = [stream.tokens_until(begin) for stream in streams]
    after = [stream.tokens_until(end) for stream in streams]
    steps = median(late - early for early, late in zip(before, after, strict=True))
    if steps <= 0:
        raise CalibrationError("no two streams wrote at the same time: nothing can be measured")
    written = (sum(before) + sum(after)) / 2
    return Sample(
        seconds=(end - begin) / steps,
        sequences=len(streams),
        kv_tokens=sum(stream.prompt_tokens for stream in streams) + written,
    )
