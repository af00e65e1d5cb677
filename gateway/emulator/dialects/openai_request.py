"""The fields that the requests of OpenAI's older APIs, chat and completions, have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gateway.emulator.answers.calls import Calls
from gateway.emulator.answers.demand import Demand, TokenLimit
from gateway.emulator.answers.stops import Stops, strings_of
from gateway.emulator.body import GenerationRequest
from gateway.emulator.dialects.formats import read_format
from gateway.emulator.dialects.thinking import thinking_tokens
from gateway.emulator.errors import VllmError


class StreamOptions(BaseModel):
    """``stream_options``."""

    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class OpenAiRequest(GenerationRequest):
    """The fields of both chat and text completions."""

    n: int | None = 1
    max_tokens: int | None = None
    min_tokens: int = 0
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    include_stop_str_in_output: bool = False
    stream_options: StreamOptions | None = None

    @property
    def include_usage(self) -> bool:
        """Whether a last event holds the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def continuous_usage(self) -> bool:
        """Whether each event holds the usage so far."""
        options = self.stream_options
        return self.include_usage and bool(options and options.continuous_usage_stats)

    @property
    def limit(self) -> TokenLimit:
        """The most output tokens."""
        return TokenLimit("max_tokens", self.max_tokens)

    @property
    def hides_thoughts(self) -> bool:
        """Whether the answer leaves out the thinking."""
        return True

    def openai_demand(self, body: dict[str, Any], calls: Calls | None = None) -> Demand:
        """What the request asks of its answers; ``body`` is its JSON.

        Raises:
            VllmError: 400.
        """
        if self.stream_options is not None and not self.stream:
            message = "Stream options can only be defined when `stream=True`."
            raise VllmError(message, param="stream_options")
        ids = frozenset(self.stop_token_ids or ())
        return Demand(
            limit=self.limit,
            n=1 if self.n is None else self.n,
            min_tokens=self.min_tokens,
            target_tokens=self.target_tokens,
            ignore_eos=self.ignore_eos,
            stops=Stops(strings_of(self.stop), ids, shown=self.include_stop_str_in_output),
            calls=calls,
            format=read_format(body),
            thoughts=thinking_tokens(body),
            hides_thoughts=self.hides_thoughts,
            seed=self.seed,
            temperature=self.temperature,
        )
