"""Demand: what a request asks of its answers, whatever API it came by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.emulator.answers.calls import Calls
from gateway.emulator.answers.stops import Stops
from gateway.emulator.answers.structured.format import AnswerFormat
from gateway.emulator.errors import VllmError

MAX_SEQUENCES = 16_384


class TokenLimit(NamedTuple):
    """The most output tokens that a request allows (None: no limit), and the field that says so."""

    field: str
    tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the answers to each prompt of a request must be.

    ``n`` answers, each ended by ``limit``, by a stop string or by itself: after ``target_tokens``
    where the request forces the length, else where the length distribution says, but never
    before ``min_tokens``. An answer makes ``calls``, or has a ``format``, or is prose; before it
    come up to ``thoughts`` tokens of thinking, which ``hides_thoughts`` leaves out of the text.
    """

    limit: TokenLimit
    n: int = 1
    min_tokens: int = 0
    target_tokens: int | None = None
    ignore_eos: bool = False
    stops: Stops = field(default_factory=Stops)
    calls: Calls | None = None
    format: AnswerFormat | None = None
    thoughts: int = 0
    hides_thoughts: bool = False
    seed: int | None = None
    temperature: float | None = None

    def check(self, max_model_len: int) -> None:
        """Refuse what vLLM refuses.

        Raises:
            VllmError: 400.
        """
        if "" in self.stops.strings:
            raise VllmError("stop cannot contain an empty string.")
        if self.min_tokens < 0:
            message = f"min_tokens must be greater than or equal to 0, got {self.min_tokens}."
            raise VllmError(message)
        if self.limit.tokens is not None and 0 < self.limit.tokens < self.min_tokens:
            raise VllmError(
                f"min_tokens must be less than or equal to {self.limit.field}={self.limit.tokens}, "
                f"got {self.min_tokens}."
            )
        if self.format and self.format.kind != "json" and (self.ignore_eos or self.min_tokens > 1):
            message = f"An answer that {self.format.field} fixes cannot be made longer."
            raise VllmError(message, param="ignore_eos" if self.ignore_eos else "min_tokens")
        temperature = 1.0 if self.temperature is None else self.temperature
        if self.n < 1:
            raise VllmError(f"n must be at least 1, got {self.n}.")
        if self.n > MAX_SEQUENCES:
            raise VllmError(f"n must be at most {MAX_SEQUENCES}, got {self.n}.")
        if not 0 <= temperature <= 2:
            message = f"temperature must be in [0, 2], got {temperature}."
            raise VllmError(message, param="temperature")
        if temperature == 0 and self.n > 1:
            raise VllmError(f"n must be 1 when using greedy sampling, got {self.n}.")
        if self.limit.tokens is not None and self.limit.tokens > max_model_len:
            raise VllmError(
                f"{self.limit.field}={self.limit.tokens} cannot be greater than "
                f"max_model_len={max_model_len}. Please request fewer output tokens.",
                param=self.limit.field,
                value=self.limit.tokens,
            )
