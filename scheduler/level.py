"""Levels: from how many expected tokens on a job counts as long, by its model's recent traffic."""

from __future__ import annotations

from dataclasses import dataclass, field

LEVEL = 1.2
"""The level over the mean expected length. Measured: see the ablation in scheduler/README.md."""

REMEMBERED = 500
"""Jobs over which the mean is taken, roughly: recent ones count more."""


@dataclass(slots=True)
class Levels:
    """A running mean of expected tokens for each model."""

    _seen: dict[str, tuple[float, int]] = field(default_factory=dict)

    def next(self, model: str, expected_tokens: float) -> float:
        """The level for a job of so many expected tokens, which counts in it from now on."""
        mean, count = self._seen.get(model, (0.0, 0))
        count = min(count + 1, REMEMBERED)
        mean += (expected_tokens - mean) / count
        self._seen[model] = mean, count
        return LEVEL * mean
