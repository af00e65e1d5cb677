"""The features of the online regression: a few numbers of about unit size for each forecast."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np

from predictor.adaptive import mode
from predictor.adaptive.mode import Mode
from predictor.fast.inputs import COLUMNS, KNOWN, ROUTE
from predictor.raw_forecast import RawForecasts

CENTRE = 5.6
"""Typical mean of log tokens, subtracted from the location and from the text scores."""

_CENTRED = ("text_words", "text_all")
_TAKEN = (*_CENTRED, *(name for name in COLUMNS if name.startswith("text_axis_")), "text_own")

NAMES: tuple[str, ...] = ("one", "location", *_TAKEN, *mode.NAMES)
"""The features of the regression, in order."""

Features = tuple[float, ...]
"""The features of one forecast, one for each of ``NAMES``."""

MODE = len(NAMES) - len(mode.NAMES)
"""The index of the first feature that is a number of the request's mode."""

_COLUMNS = np.array([COLUMNS.index(name) for name in _TAKEN])
_SHIFT = [CENTRE if name in _CENTRED else 0.0 for name in _TAKEN]
_FAR = 6.0  # bounds the effect of an outlying feature
_NO_SCORES = (0.0,) * len(_COLUMNS)


def features(raw: RawForecasts, modes: Sequence[Mode]) -> list[Features]:
    """The features of each forecast, of a request of the mode in ``modes``; NaN becomes 0.

    With inputs of another width than COLUMNS, the location and the mode are the only features.
    """
    return [
        (1.0, _bounded(location - CENTRE), *scores, *numbers)
        for location, scores, numbers in zip(
            raw.location.tolist(), _text_scores(raw), modes, strict=True
        )
    ]


def _text_scores(raw: RawForecasts) -> list[Features]:
    if raw.inputs.shape[1] != len(COLUMNS):
        return [_NO_SCORES] * len(raw)
    return [
        tuple([_bounded(x - shift) for x, shift in zip(row, _SHIFT, strict=True)])
        for row in raw.inputs.take(_COLUMNS, axis=1).tolist()
    ]


def _bounded(number: float) -> float:
    return 0.0 if isnan(number) else min(_FAR, max(-_FAR, number))


def known(raw: RawForecasts) -> list[bool]:
    """Whether the predictor was trained on each forecast's model; False if the inputs lack it."""
    if raw.inputs.shape[1] != len(COLUMNS):
        return [False] * len(raw)
    return [route == KNOWN for route in raw.inputs[:, ROUTE].tolist()]
