"""The evidence of an answer's length, also of an answer that was cut."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from random import Random

import numpy as np

from predictor.adaptive.forecast import Forecast
from predictor.raw_forecast import CAP_TOKENS, LEVELS, MOST_TOKENS

_TAIL = 0.25  # mean excess, in scales, of an answer cut beyond every atom of its forecast

_EARLY = 0.05  # a cut weighs less if the forecast probability of an earlier end is below this


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as evidence: ``log_tokens``, which are imputed if the answer was cut.

    ``weight`` (0 to 1) is the answer's weight among the model's answers, ``prompt_weight`` (0 to 1)
    the weight among the prompt's answers, ``endless`` the probability that the answer would not
    have ended by itself.
    """

    log_tokens: float
    weight: float
    prompt_weight: float
    endless: float


def read_answer(forecast: Forecast, tokens: int, *, censored: bool, random: Random) -> Answer:
    """The evidence of an answer of ``tokens`` tokens to the request of ``forecast``.

    The length of a cut answer is drawn from the forecast beyond the cut (stochastic EM). A drawn
    length has full weight among the model's answers: with less, short answers, which are rarely
    cut, would count too much. A cut before which the forecast expects almost no end has less
    weight. The weight among the prompt's answers is the forecast probability of an end before the
    cut.
    """
    log_tokens = log(max(1, tokens))
    if not censored:
        return Answer(log_tokens, 1.0, 1.0, 0.0)
    cut = (log_tokens - forecast.location) / forecast.scale
    ended = float(np.interp(cut, forecast.shape, LEVELS, left=0.0, right=1.0))
    endless = _endless(forecast, tokens, ended)
    drawn = float(np.interp(ended + (1 - ended) * random.random(), LEVELS, forecast.shape))
    longer = max(drawn, cut + _TAIL * random.expovariate(1.0) * (ended > LEVELS[-1]))
    imputed = max(log_tokens, min(forecast.location + forecast.scale * longer, log(MOST_TOKENS)))
    weight = min(1.0, ended / _EARLY) * (1 - endless)
    return Answer(imputed, weight, ended * (1 - endless), endless)


def _endless(forecast: Forecast, tokens: int, ended: float) -> float:
    """The probability that an answer cut after ``tokens`` tokens never ends by itself.

    ``ended`` is the forecast probability of an end before the cut, among answers that end.
    """
    if tokens >= CAP_TOKENS - 1:
        return 1.0
    beyond = (1 - forecast.endless) * (1 - ended)
    return forecast.endless / (forecast.endless + beyond + 1e-9)
