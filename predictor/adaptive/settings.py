"""The figures of the adaptive layer, chosen by ``tests/bench/adaptive.py``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdaptiveSettings:
    """How fast it learns and forgets.

    ``half_life`` answers of a model halve the weight of an earlier one, ``window`` are kept.
    ``shape_prior`` and ``spread_prior`` are the answers that the predictor's shape and scale are
    worth. Prior deviations, of a model known to the predictor and of any other: ``intercept`` in
    log tokens, ``slope`` of the location, ``others`` of the remaining features.
    ``alarm`` is the deviation, in standard errors, from which recent errors mean that the model
    has changed; ``stale`` is what an answer from before a change then still weighs.
    ``capacity`` bounds the keys remembered, ``models`` the models (and tiers).
    ``endless_prior`` are the answers that the predictor's rate of endless ones is worth.
    """

    half_life: float = 200.0
    window: int = 512
    shape_prior: float = 60.0
    spread_prior: float = 20.0
    intercept: tuple[float, float] = (0.3, 0.7)
    slope: tuple[float, float] = (0.2, 0.4)
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
