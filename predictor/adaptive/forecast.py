"""Forecast: what is predicted of one request, and what is needed to learn from its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isfinite, log

from predictor.adaptive.inputs import Features, features, known
from predictor.adaptive.keys import Keys
from predictor.arrays import Array
from predictor.raw_forecast import CAP_TOKENS, MASS, RawForecasts
from scheduler.length import LengthDistribution

_MASS = tuple(MASS.tolist())
_LOG_CAP = log(CAP_TOKENS - 1.0)  # longer ones have the atom of endless answers


@dataclass(frozen=True, slots=True)
class Base:
    """What the predictor said of one request: a raw forecast as plain numbers.

    ``square`` is the mean square of the shape, ``known`` whether the predictor was trained on the
    model, ``features`` the inputs of the regression.
    """

    location: float
    scale: float
    shape: Array
    square: float
    endless: float
    features: Features
    known: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of one request; about 2 KB, to be kept until the request has ended.

    ``length`` is the distribution, cut at the prompt's ``max_tokens``; ``base`` is what the
    predictor said, ``location`` and ``scale`` (log tokens), ``shape`` and ``endless`` what was
    made of it; ``recalled`` tells whether history carried it more than the model did.
    """

    length: LengthDistribution
    model: str
    tier: str
    keys: Keys
    base: Base
    location: float
    scale: float
    shape: tuple[float, ...]
    endless: float
    recalled: bool

    @property
    def base_location(self) -> float:
        """The location that the predictor said, in log tokens."""
        return self.base.location

    @property
    def base_scale(self) -> float:
        """The scale that the predictor said, in log tokens."""
        return self.base.scale


def bases(raw: RawForecasts) -> list[Base]:
    """The raw forecasts one by one.

    Raises:
        ValueError: one is not finite, or has no positive scale.
    """
    sums = (part.sum() for part in (raw.location, raw.shape, raw.endless))
    if not isfinite(sum(sums) + raw.scale.sum()) or raw.scale.min() <= 0:
        raise ValueError(
            "the predictor's raw forecasts are not finite, or their scale is not positive"
        )
    return list(
        map(
            Base,
            raw.location.tolist(),
            raw.scale.tolist(),
            raw.shape,
            ((raw.shape**2) @ MASS).tolist(),
            raw.endless.tolist(),
            features(raw),
            known(raw),
        )
    )


def distribution(
    location: float, scale: float, shape: Sequence[float], endless: float, limit: float | None
) -> LengthDistribution:
    """``RawForecasts.distributions`` for one forecast, without arrays: a quarter of the time."""
    tokens = [exp(min(_LOG_CAP, max(0.0, location + scale * z))) for z in shape]
    lasting = 1.0 - endless
    mass = [lasting * part for part in _MASS]
    distinct = all(map(float.__lt__, tokens, tokens[1:]))
    make = LengthDistribution if distinct else LengthDistribution.weighted
    length = make((*tokens, float(CAP_TOKENS)), (*mass, endless))
    return length if limit is None else length.capped(limit)
