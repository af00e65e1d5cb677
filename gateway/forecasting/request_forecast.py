"""RequestForecast: how long the answer to one request will be."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from predictor.inference.tiered import Prediction
from scheduler.length import LengthDistribution

Tier = Literal["none", "recent", "fast", "refined"]
"""Source of a forecast. none: the request generates no text. recent: lengths of recent answers.
fast, refined: the predictor's tiers."""


@dataclass(frozen=True, slots=True)
class RequestForecast:
    """The forecast of one sequence's output length in tokens."""

    length: LengthDistribution
    """Distribution of the length, cut at ``bound``."""
    tier: Tier
    bound: float = math.inf
    """Most tokens the sequence can have, by its token limit and the model's context."""
    predictions: tuple[Prediction, ...] = ()
    """The predictor's forecasts, the fast tier's first; empty where the predictor gave none."""
    _central: tuple[float, float, float] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @property
    def central(self) -> tuple[float, float, float]:
        """The quantiles 0.1, 0.5 and 0.9, which headers, logs, traces and scores tell of."""
        found = self._central
        if found is None:
            quantile = self.length.quantile
            found = quantile(0.1), quantile(0.5), quantile(0.9)
            object.__setattr__(self, "_central", found)
        return found
