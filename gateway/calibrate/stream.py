"""One streamed answer with the times of its events, read from server-sent events."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import aiohttp

from gateway.calibrate.errors import CalibrationError


@dataclass(frozen=True, slots=True)
class Stream:
    """One answer as its client saw it; all times are seconds of one clock.

    ``events`` are the times at which pieces of text arrived; a server that falls behind puts
    several tokens into one event.
    """

    sent: float
    events: tuple[float, ...]
    prompt_tokens: int
    tokens: int

    def tokens_until(self, moment: float) -> float:
        """Tokens received until ``moment``, if every event carries the same number of tokens."""
        received = sum(event <= moment for event in self.events)
        return self.tokens * received / len(self.events)


async def read_stream(response: aiohttp.ClientResponse, sent: float, output_tokens: int) -> Stream:
    """Read a streamed answer to its end; the request was sent at ``sent``.

    Raises:
        CalibrationError: the answer does not have ``output_tokens`` tokens.
    """
    events: list[float] = []
    usage: dict[str, int] = {}
    async for line in response.content:
        if not line.startswith(b"data: {"):
            continue
        if b'"choices":[]' not in line:
            events.append(time.perf_counter())
        if b'"usage":{' in line:
            usage = json.loads(line[6:])["usage"]
    tokens = usage.get("completion_tokens")
    if tokens != output_tokens or not events:
        raise CalibrationError(
            f"{response.url.origin()} answered with {tokens} tokens instead of {output_tokens}; "
            "the server has to honour ignore_eos and stream_options.include_usage, as vLLM does"
        )
    return Stream(sent, tuple(events), usage["prompt_tokens"], output_tokens)
