"""The features of the online regression: a few numbers of about unit size for each forecast."""

from __future__ import annotations

from math import isnan

from predictor.fast.inputs import COLUMNS, KNOWN, ROUTE
from predictor.raw_forecast import RawForecasts

CENTRE = 5.6
"""Typical mean of log tokens, subtracted from the location and from the text scores."""

_CENTRED = ("text_words", "text_all")
_TAKEN = (*_CENTRED, *(name for name in COLUMNS if name.startswith("text_axis_")), "text_own")

NAMES: tuple[str, ...] = ("one", "location", *_TAKEN)
"""The features of the regression, in order."""

Features = tuple[float, ...]
"""The features of one forecast, one for each of ``NAMES``."""

_COLUMNS = [COLUMNS.index(name) for name in NAMES[2:]]
_SHIFT = [CENTRE if name in _CENTRED else 0.0 for name in NAMES[2:]]
_FAR = 6.0  # bounds the effect of an outlying feature
_NO_SCORES = (0.0,) * len(_COLUMNS)


def features(raw: RawForecasts) -> list[Features]:
    """The features of each forecast; NaN becomes 0.

    With inputs of another width than COLUMNS, the location is the only feature.
    """
    locations = raw.location.tolist()
    if raw.inputs.shape[1] != len(COLUMNS):
        return [(1.0, _bounded(location - CENTRE), *_NO_SCORES) for location in locations]
    rows = raw.inputs[:, _COLUMNS].tolist()
    return [
        (
            1.0,
            _bounded(location - CENTRE),
            *[_bounded(x - shift) for x, shift in zip(row, _SHIFT, strict=True)],
        )
        for location, row in zip(locations, rows, strict=True)
    ]


def _bounded(number: float) -> float:
    return 0.0 if isnan(number) else min(_FAR, max(-_FAR, number))


def known(raw: RawForecasts) -> list[bool]:
    """Whether the predictor was trained on each forecast's model; False if the inputs lack it."""
    if raw.inputs.shape[1] != len(COLUMNS):
        return [False] * len(raw)
    return [route == KNOWN for route in raw.inputs[:, ROUTE].tolist()]
