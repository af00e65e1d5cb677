"""Reading: what the gateway takes from a request's body. A large one is read beside the event loop.

A large body is read in pieces (``protocol/json_pieces.py``) in a thread, described there, and then
kept as an outline: its values would take ten times the memory of its bytes for as long as the
request waits and runs.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from gateway.forecasting.prompt_parts import PromptParts, read_parts
from gateway.protocol.collection import no_collection
from gateway.protocol.openai import LARGE, ApiRequest, parse
from gateway.protocol.outline import outlined
from predictor import Prompt

_THREADS = 1
"""Large bodies read at a time: two that take turns would make the event loop wait for both."""

_FREED = 1_000
"""Values of a list that are freed before other threads may run."""


@dataclass(frozen=True, slots=True)
class Described:
    """What the forecasts need of a body."""

    prompt: Prompt
    parts: PromptParts


def describe(request: ApiRequest) -> Described:
    """What the forecasts need of a request."""
    return Described(
        # The predictor does not know the API, so it reads limits that the API ignores.
        replace(Prompt.from_request(request.fields), max_tokens=request.max_tokens),
        read_parts(request.fields, request.body, request.endpoint),
    )


class Reading:
    """Reads bodies, the large ones in a thread of their own."""

    def __init__(self, most_values: int) -> None:
        self.most_values = most_values
        self._threads = ThreadPoolExecutor(_THREADS, "bodies")

    async def read(
        self, endpoint: str, method: str, content_type: str, body: bytes
    ) -> tuple[ApiRequest, Described | None]:
        """The request, and of a large one the description; a small one is described when needed.

        Raises:
            ApiError: the body cannot be used.
        """
        if len(body) <= LARGE:
            return parse(endpoint, method, content_type, body), None
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read_large, endpoint, method, content_type, body
        )

    def _read_large(
        self, endpoint: str, method: str, content_type: str, body: bytes
    ) -> tuple[ApiRequest, Described]:
        with no_collection():
            request = parse(endpoint, method, content_type, body, self.most_values)
            described, outline = describe(request), outlined(request)
            let_go(request.fields)
            return outline, described


def let_go(value: Any) -> None:
    """Free all values in a JSON value bit by bit: at once, no other thread could run meanwhile."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(inner for inner in one.values() if isinstance(inner, dict | list))
            one.clear()
        elif isinstance(one, list):
            some = one[-_FREED:]
            del one[-_FREED:]
            if one:
                waiting.append(one)
            waiting.extend(inner for inner in some if isinstance(inner, dict | list))
