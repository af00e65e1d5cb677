"""The sampling settings of a collection, and the body of one request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from predictor.collect.prompts import CollectPrompt

MAX_TOKENS = 15_000
"""CASTILLO's generation limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are sampled; a setting of None is not sent, so the server's default applies."""

    model: str
    max_tokens: int = MAX_TOKENS
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for a setting out of range."""
        if not self.model:
            raise ValueError("--model: give the name of the served model")
        if self.max_tokens < 1:
            raise ValueError(f"--max-tokens {self.max_tokens}: give at least 1")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError(f"--temperature {self.temperature}: give 0 to 2")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"--top-p {self.top_p}: give more than 0 and at most 1")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"--top-k {self.top_k}: give at least 1 or leave it out")

    def settings(self) -> dict[str, Any]:
        """The settings by name; all samples of a collection share them."""
        return asdict(self)

    def body(self, prompt: CollectPrompt, sample: int) -> dict[str, Any]:
        """The chat request for the sample number ``sample`` of a prompt.

        Each sample is one request with its own seed, so that servers without ``n`` work as well.
        A repeated request has the same seed.
        """
        optional: Mapping[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
        }
        return {
            "model": self.model,
            "messages": list(prompt.messages),
            "max_tokens": self.max_tokens,
            "stream": False,
            "seed": self._seed(prompt, sample),
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _seed(self, prompt: CollectPrompt, sample: int) -> int:
        key = f"{self.seed}|{prompt.prompt_id}|{sample}".encode("utf-8", "replace")
        return int.from_bytes(hashlib.sha256(key).digest()[:4]) >> 1
