"""The forecast of one request, with the values that learning from the answer needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import exp, inf, isfinite, log, nextafter

from predictor.adaptive.inputs import Features, features, known
from predictor.adaptive.keys import Keys
from predictor.adaptive.mode import Mode
from predictor.arrays import Array
from predictor.raw_forecast import CAP_TOKENS, MASS, MOST_TOKENS, RawForecasts
from scheduler.length import LengthDistribution

_MASS = tuple(MASS.tolist())
_LOG_MOST = log(MOST_TOKENS)


@dataclass(frozen=True, slots=True)
class RawForecast:
    """The predictor's raw forecast of one request, as plain numbers.

    ``mean_square`` is the mean square of the shape, ``known`` whether the predictor was trained on
    the model, ``features`` the inputs of the online regression (``inputs.NAMES``).
    """

    location: float
    scale: float
    shape: Array
    mean_square: float
    endless: float
    features: Features
    known: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """The corrected forecast of one request; about 2 KB, kept until the request has ended.

    ``length`` is the distribution, truncated at the prompt's ``max_tokens``. ``raw`` is the
    predictor's forecast; ``location`` and ``scale`` (log tokens), ``shape`` and ``endless`` are
    the corrected values. ``from_history`` tells whether the history of the request's keys explains
    more than half of the variance that the model's regression leaves.
    """

    length: LengthDistribution
    model: str
    tier: str
    keys: Keys
    raw: RawForecast
    location: float
    scale: float
    shape: tuple[float, ...]
    endless: float
    from_history: bool


def split(raw: RawForecasts, modes: Sequence[Mode]) -> list[RawForecast]:
    """The raw forecasts one by one; ``modes`` are the modes of their requests.

    Raises:
        ValueError: a forecast is not finite, or its scale is not positive.
    """
    location, scale, endless = raw.location.tolist(), raw.scale.tolist(), raw.endless.tolist()
    squares = ((raw.shape**2) @ MASS).tolist()
    if not all(map(isfinite, chain(location, scale, endless, squares))) or min(scale) <= 0:
        raise ValueError(
            "the predictor's raw forecasts are not finite, or their scale is not positive"
        )
    parts = raw.shape, squares, endless, features(raw, modes), known(raw)
    return list(map(RawForecast, location, scale, *parts))


def distribution(
    location: float, scale: float, shape: Sequence[float], endless: float, limit: float | None
) -> LengthDistribution:
    """The distribution of one forecast, truncated at ``limit`` tokens.

    Takes a quarter of the time of ``RawForecasts.distributions``, which works on arrays.
    """
    tokens = [exp(min(_LOG_MOST, max(0.0, location + scale * z))) for z in shape]
    ending = 1.0 - endless
    mass = [ending * part for part in _MASS]
    increasing = all(map(float.__lt__, tokens, tokens[1:]))
    build = LengthDistribution if increasing else LengthDistribution.weighted
    # The last atom is of endless answers; the nearest larger number keeps the atoms increasing.
    last = max(float(CAP_TOKENS), nextafter(tokens[-1], inf))
    length = build((*tokens, last), (*mass, endless))
    return length if limit is None else length.capped(limit)
