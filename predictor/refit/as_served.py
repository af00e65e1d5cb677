"""Forecasts of logged requests as they would be served: corrected by an adaptive layer.

A layer learns from the answers in the order of their completion, so that each request is forecast
with the answers that had ended when it arrived.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from predictor.adaptive import AdaptiveLayer
from predictor.adaptive.asked import Asked
from predictor.adaptive.forecast import Forecast
from predictor.arrays import Array, Flags
from predictor.evaluation import scores
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic

WARM = 4_000
"""The most requests, the latest ones, that a layer learns from before the requests to judge.

A candidate's layer also learns from requests that the candidate was fitted to: left out, the layer
would know too little of prompts and levels, which costs more than errors that are too small.
"""


def learned_layer(artefact: EditableArtefact, traffic: LoggedTraffic) -> AdaptiveLayer:
    """The layer that has learned the errors of ``artefact`` on the latest ``WARM`` requests."""
    layer = AdaptiveLayer()
    for _ in _served(artefact, _latest(traffic, WARM), layer):
        pass
    return layer


def served_forecasts(
    artefact: EditableArtefact, traffic: LoggedTraffic, judged: Flags
) -> list[Forecast]:
    """The forecasts of the ``judged`` requests (n flags), in the order of completion.

    The layer starts without answers and learns from the requests before and among the judged.
    """
    first = int(np.argmax(judged))
    start = max(0, first - WARM)
    rows = traffic.where(np.arange(len(traffic)) >= start)
    made = dict(_served(artefact, rows, AdaptiveLayer()))
    return [made[row - start] for row in np.flatnonzero(judged).tolist()]


def served_crps(forecasts: list[Forecast], traffic: LoggedTraffic) -> Array:
    """CRPS of min(length, limit) for each request (n), in tokens, as ``compare.request_crps``."""
    actual = np.minimum(traffic.tokens, traffic.limit)
    out = np.empty(len(traffic))
    for row, forecast in enumerate(forecasts):
        tokens = np.minimum([forecast.length.tokens], traffic.limit[row])
        mass = np.array([forecast.length.mass])
        out[row] = scores.crps(tokens, mass, actual[row : row + 1])[0]
    return out


def _latest(traffic: LoggedTraffic, most: int) -> LoggedTraffic:
    return traffic.where(np.arange(len(traffic)) >= len(traffic) - most)


def _served(
    artefact: EditableArtefact, traffic: LoggedTraffic, layer: AdaptiveLayer
) -> Iterator[tuple[int, Forecast]]:
    """Each request's row and forecast, in order of arrival; ``layer`` learns as they complete."""
    raw = artefact.raw_forecasts(traffic)
    waiting: dict[int, Forecast] = {}
    for row, arrives in _events(traffic):
        if arrives:
            (forecast,) = layer.adapt_asked([_asked(traffic, row)], raw.rows(slice(row, row + 1)))
            waiting[row] = forecast
            yield row, forecast
        else:
            tokens, cut = int(traffic.tokens[row]), bool(traffic.censored[row])
            layer.learn(waiting.pop(row), tokens, censored=cut)


def _events(traffic: LoggedTraffic) -> Iterator[tuple[int, bool]]:
    """Arrivals (true) and completions in order of time; a request arrives before it completes."""
    count = len(traffic)
    times = np.concatenate([np.minimum(traffic.arrival, traffic.finished), traffic.finished])
    order = np.lexsort((np.arange(2 * count) >= count, times))
    return ((int(event % count), bool(event < count)) for event in order)


def _asked(traffic: LoggedTraffic, row: int) -> Asked:
    name = str(traffic.asked[row])
    return Asked(name, tuple(traffic.keys[row].tolist()), tuple(traffic.mode[row].tolist()))
