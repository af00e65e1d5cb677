"""Raw forecasts and answers made up for the tests of the adaptive layer."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from predictor.adaptive import AdaptiveLayer, Forecast
from predictor.fast.inputs import COLUMNS
from predictor.prompt import Prompt
from predictor.raw_forecast import LEVELS, RawForecasts

NORMAL = norm.ppf(LEVELS)
"""The shape of a log-normal forecast."""


def raw_forecast(
    *locations: float, scale: float = 0.5, endless: float = 0.001, known: bool = True
) -> RawForecasts:
    """A predictor's word: log-normal around ``locations`` (log tokens)."""
    size = len(locations)
    inputs = np.zeros((size, len(COLUMNS)))
    inputs[:, COLUMNS.index("model_route")] = 0.0 if known else 2.0
    for score in ("text_words", "text_all"):  # the text says what the forecast says
        inputs[:, COLUMNS.index(score)] = locations
    return RawForecasts(
        location=np.array(locations, dtype=np.float64),
        scale=np.full(size, scale),
        shape=np.tile(NORMAL, (size, 1)),
        endless=np.full(size, endless),
        inputs=inputs,
    )


def words(rng: np.random.Generator) -> str:
    """A text like no other: twelve words of one letter."""
    return " ".join(map(chr, rng.integers(97, 123, size=12).tolist()))


def ask(
    adaptive: AdaptiveLayer,
    text: str,
    location: float = 5.0,
    *,
    model: str = "m",
    known: bool = True,
) -> Forecast:
    """The forecast of one request about which the predictor says ``location``."""
    return adaptive.adapt([Prompt(model, text)], raw_forecast(location, known=known))[0]


def teach(
    adaptive: AdaptiveLayer,
    count: int,
    rng: np.random.Generator,
    *,
    slope: float = 1.0,
    offset: float = 0.0,
    noise: float = 0.3,
    model: str = "m",
) -> list[bool]:
    """Answers to new prompts: log tokens = 5.5 + slope * (predicted - 5.5) + offset + noise.

    Returns whether the central 80 % of each forecast held the answer.
    """
    inside = []
    for _ in range(count):
        location = float(rng.normal(5.5, 0.7))
        text = words(rng)
        forecast = ask(adaptive, text, location, model=model)
        logs = 5.5 + slope * (location - 5.5) + offset + noise * rng.standard_normal()
        tokens = max(1, round(float(np.exp(logs))))
        inside.append(forecast.length.quantile(0.1) <= tokens <= forecast.length.quantile(0.9))
        adaptive.learn(forecast, tokens, censored=False)
    return inside
