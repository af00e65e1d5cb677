"""One streamed answer with the times of its events, read from server-sent events."""

from __future__ import annotations

import time
from dataclasses import dataclass

import aiohttp

from gateway.calibrate.errors import CalibrationError
from gateway.protocol.dialects.reader import Usage, parsed
from gateway.protocol.sse import SseParser


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
    events, usage, parser = list[float](), Usage(), SseParser()
    async for data in response.content.iter_any():
        arrived = time.perf_counter()
        for event in parser.feed(data):
            fields = parsed(event.data or b"") or {}
            if fields.get("choices"):
                events.append(arrived)
            usage.take(fields.get("usage"))
    if usage.output_tokens != output_tokens or not events:
        raise CalibrationError(
            f"{response.url.origin()} answered with {usage.output_tokens} tokens instead of "
            f"{output_tokens}; "
            "the server has to honour ignore_eos and stream_options.include_usage, as vLLM does"
        )
    return Stream(sent, tuple(events), usage.prompt_tokens, output_tokens)
