"""What an answer's length tells, cut answers among them."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from random import Random

import numpy as np

from predictor.adaptive.forecast import Forecast
from predictor.raw_forecast import CAP_TOKENS, LEVELS

_TAIL = 0.25  # scales by which a cut answer exceeds on average what no forecast reached

_EARLY = 0.05  # probability of an end before the cut, below which the cut tells nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """``logs``: log tokens, of a cut answer a draw from what was forecast beyond the cut.

    ``weight`` (0 to 1) is what it counts among the model's answers, ``told`` how much it tells of
    its prompt, ``endless`` the probability that it would never have ended.
    """

    logs: float
    weight: float
    told: float
    endless: float


def read(forecast: Forecast, tokens: int, *, censored: bool, random: Random) -> Answer:
    """Read an answer of ``tokens`` tokens to the request of ``forecast``.

    A cut answer is imputed at random (stochastic EM) and counts in full: were it left out, or
    counted less, the short answers that were not cut would be too many; but for one that was cut
    before any could have ended. Of its prompt it tells as much as the forecast probability that
    it would have ended before.
    """
    logs = log(max(1, tokens))
    if not censored:
        return Answer(logs, 1.0, 1.0, 0.0)
    cut = (logs - forecast.location) / forecast.scale
    ended = float(np.interp(cut, forecast.shape, LEVELS, left=0.0, right=1.0))
    beyond = (1 - forecast.endless) * (1 - ended)
    endless = (
        1.0 if tokens >= CAP_TOKENS - 1 else forecast.endless / (forecast.endless + beyond + 1e-9)
    )
    drawn = float(np.interp(ended + (1 - ended) * random.random(), LEVELS, forecast.shape))
    longer = max(drawn, cut + _TAIL * random.expovariate(1.0) * (ended > LEVELS[-1]))
    logs = min(forecast.location + forecast.scale * longer, log(CAP_TOKENS))
    logs = max(logs, log(max(1, tokens)))
    counted = min(1.0, ended / _EARLY) * (1 - endless)
    return Answer(logs, counted, ended * (1 - endless), endless)
