"""A request as the adaptive layer sees it: hashes and numbers, no text."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.adaptive.keys import Keys, keys_of
from predictor.adaptive.mode import Mode, mode_of
from predictor.features.reasoning import most_tokens
from predictor.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to ``model``: its ``keys``, its ``mode``, and its ``limit`` in tokens, if any.

    The served log keeps these, so that a layer can learn from logged requests.
    """

    model: str
    keys: Keys
    mode: Mode
    limit: float | None = None

    @classmethod
    def by(cls, prompt: Prompt, *, salt: bytes, tier: str) -> Asked:
        """The request of ``prompt``, with keys for the tier ``tier``."""
        mode = mode_of(prompt)
        keys = keys_of(prompt, mode, salt=salt, tier=tier)
        return cls(prompt.model, keys, mode, most_tokens(prompt))
