"""The points of a calibration: the combinations of streams and prompts that are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway.calibrate.cost_model import PointKind
from gateway.calibrate.measure import SHORT_PROMPT_TOKENS

KV_SHARE = 0.8
"""Largest share of the KV cache that a point fills, so that no request is preempted."""

LONGEST_PREFILL = 1024
"""Tokens of the longest prefill: half of vLLM's smallest default for the tokens of a step. A longer
prompt may take several steps, and attention raises the cost per token."""

LONGEST_OUTPUT = 512
"""Most tokens that a stream decodes in one window."""


class Point(NamedTuple):
    """One point: the number of streams, and the tokens of a prompt (turnover: entering prompt)."""

    kind: PointKind
    sequences: int
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class PointPlan:
    """The server's limits, and the points within these limits.

    ``step_s`` is the time of a step with one stream, ``window_s`` the time for which a point is
    observed, both in seconds. ``kv_tokens`` is None if the server does not report its KV cache.
    """

    max_sequences: int
    max_model_len: int
    kv_tokens: int | None
    step_s: float
    window_s: float

    def points(self) -> list[Point]:
        """All points, in the order of measurement."""
        return [*self._prefills(), *self._decodes(), *self._turnovers()]

    def output_tokens(self, prompt_tokens: int) -> int:
        """Tokens to decode for a window of ``window_s`` seconds."""
        wanted = min(LONGEST_OUTPUT, max(16, round(self.window_s / self.step_s)))
        return max(2, min(wanted, self.max_model_len - prompt_tokens))

    def _fits(self, sequences: int, prompt_tokens: int, output_tokens: int) -> bool:
        """Whether ``sequences`` such streams fit side by side."""
        total = sequences * (prompt_tokens + output_tokens)
        within_cache = self.kv_tokens is None or total <= KV_SHARE * self.kv_tokens
        return within_cache and prompt_tokens + output_tokens <= self.max_model_len

    def _prefills(self) -> Iterator[Point]:
        prompt_tokens = SHORT_PROMPT_TOKENS
        while prompt_tokens <= LONGEST_PREFILL:
            if self._fits(1, prompt_tokens, 1):
                yield Point("prefill", 1, prompt_tokens)
            prompt_tokens *= 4

    def _decodes(self) -> Iterator[Point]:
        sequences = 1
        while sequences <= self.max_sequences:
            for prompt_tokens in (SHORT_PROMPT_TOKENS, 256, 1024):
                if self._fits(sequences, prompt_tokens, self.output_tokens(prompt_tokens)):
                    yield Point("decode", sequences, prompt_tokens)
            sequences *= 2

    def _turnovers(self) -> Iterator[Point]:
        output_tokens = 4 * self.output_tokens(SHORT_PROMPT_TOKENS)
        for sequences in sorted({1, min(3, self.max_sequences - 1)} - {0}):
            for entering_tokens in (SHORT_PROMPT_TOKENS, 256):
                fits = self._fits(sequences, SHORT_PROMPT_TOKENS, output_tokens)
                if fits and self._fits(sequences + 1, entering_tokens, 2):
                    yield Point("turnover", sequences, entering_tokens)
