"""Settings of the adaptive layer; the defaults were chosen with ``tests/bench/adaptive.py``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdaptiveSettings:
    """How fast the adaptive layer learns and forgets.

    ``half_life``: answers of a model that halve the weight of an earlier answer. ``window``:
    answers kept for each model and tier. ``shape_prior``, ``spread_prior`` and ``endless_prior``:
    weights of the predictor's shape, scale and rate of endless answers, in answers.

    ``intercept``, ``slope``, ``mode`` and ``others``: prior standard deviations of the regression's
    coefficients, first for a model that the predictor was trained on, then for any other model;
    ``intercept`` is in log tokens, ``slope`` is of the location, ``mode`` of the mode's
    numbers, ``others`` of the other features.

    ``alarm``: deviation of the recent errors, in standard errors, that counts as a change of the
    model. ``stale``: weight of an answer from before a change. ``capacity``: largest number of
    keys. ``models``: largest number of pairs of model and tier.
    """

    half_life: float = 200.0
    window: int = 512
    shape_prior: float = 60.0
    spread_prior: float = 8.0
    intercept: tuple[float, float] = (0.3, 0.7)
    slope: tuple[float, float] = (0.2, 0.4)
    mode: tuple[float, float] = (0.4, 0.6)
    others: tuple[float, float] = (0.1, 0.2)
    alarm: float = 5.0
    stale: float = 0.05
    capacity: int = 50_000
    models: int = 256
    endless_prior: float = 500.0

    def __post_init__(self) -> None:
        if self.half_life <= 0 or self.window < 16 or min(self.capacity, self.models) < 1:
            raise ValueError(
                f"half_life must be positive, window at least 16, capacity and models at least 1; "
                f"got {self.half_life}, {self.window}, {self.capacity}, {self.models}"
            )
