"""What the training data says of a request before the boosters: its prior, and its strangeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Single
from predictor.features.characters import SCRIPTS
from predictor.features.definition import CONTEXT_NAMES, LEXICAL_NAMES, TextFeatures
from predictor.features.prior import Stated, stated_priors
from predictor.features.prior_factors import BARE_FORMS
from predictor.features.prior_table import LINES

NAMES = ("strangeness", "unfamiliar", "prior", "prior_spread", "prior_trust")
"""The columns of ``Evidence.columns``."""

_FAMILIAR = (
    *(f"script {name}" for name in (*SCRIPTS, "unknown")),
    *("turns", "log_system", "tools", "json", "log_previous", "tool_results", "forced_tool"),
    *("schema_fields", "thinking"),
)
_ALL = (*LEXICAL_NAMES, *CONTEXT_NAMES)
WATCHED = np.array([_ALL.index(name) for name in dict.fromkeys((*LEXICAL_NAMES, *_FAMILIAR))])
"""The features whose ranges are watched, as columns of lexical and context features together.

Limits and sampling are not: a request that sets them is no stranger for it.
"""
_USUAL, _UNLIKE = 4.0, 3.0
"""Features outside the nearest kind's ranges that are usual, and those beyond that are foreign.

Of the held-out prompts of each kind trained on, 91 to 100 % have at most 3. With its kind left out
of the ranges, the median prompt has 4 or 7 of five sets (code, agents, Japanese), 0 to 2 of others.
With 2 instead of 4, the doubt of prompts that are merely rare cost 0.015 of CRPS skill on CASTILLO.
"""
_ENDS = (0.004, 0.996)  # quantiles of a feature that are a kind's range
KINDS = np.isin(WATCHED, [_ALL.index(name) for name in _FAMILIAR]).nonzero()[0]
"""The watched features (indices) that are scripts and kinds of request."""


_CODE = [
    LEXICAL_NAMES.index(f"group {group}")
    for group in ("code", "python", "science", "class", "assert", "input", "constraint")
]
_IN_CODE = 0.1
"""The strength of a demand in a task with code.

Such tasks mention words, lines, items and limits that are not of the answer, and the text model
knows them well: moved by the priors, its out-of-fold errors on Apps and Mbpp doubled.
"""
_BARE = [bool(BARE_FORMS & set(line.forms)) for line in LINES]
_SHORT, _LOG_TOKENS = np.log(150), LEXICAL_NAMES.index("log_tokens")
"""Log tokens of a message in which a demand for a bare answer is the user's own.

What "print YES or NO" demands of a program stands in long tasks: no short one of the training data
with a line of _BARE is of Apps, Mbpp, BigCodeBench or DS1000."""


def is_code(features: TextFeatures) -> Flags:
    """Whether each of n texts is a task with code: two words of programming or more."""
    return np.asarray(features.lexical.take(_CODE, axis=1).sum(axis=1) >= 2)


def is_short(features: TextFeatures) -> Flags:
    """Whether each of n texts is so short that its demands are for the answer."""
    return np.asarray(features.lexical[:, _LOG_TOKENS] < _SHORT)


def watched(features: TextFeatures) -> Array:
    """The watched features of n prompts, n x len(WATCHED)."""
    return np.concatenate([features.lexical, features.context], axis=1).take(WATCHED, axis=1)


def novelty(values: Array, low: Array | Single, high: Array | Single) -> Array:
    """How far requests are from the training data: strange and unfamiliar (n x 2).

    ``values`` (n x d) are watched features, ``low`` and ``high`` (k x d) their ranges in each of k
    kinds of training data. Strange is log(1 + the features outside the ranges of the nearest kind):
    a Chinese legal task has the script of one kind, the length of another and the marks of a third,
    and is like none. Unfamiliar is the number of scripts and kinds of request (tools, JSON, a
    system message, ...) outside the ranges of all kinds, plus the share of _UNLIKE that the strange
    features beyond _USUAL are. A feature that is NaN is in its range. All are compared in single
    precision, which the served log keeps, so that a logged request is as novel as it was.
    """
    single = values[:, None].astype(np.float32)
    outside = single < low.astype(np.float32, copy=False)
    outside |= single > high.astype(np.float32, copy=False)
    near = outside.sum(axis=2).min(axis=1).tolist()
    out = np.zeros((len(values), 2))
    out[:, 0] = _LOGS.take(near)
    if any(near):  # otherwise nothing is outside all kinds' ranges
        out[:, 1] = outside.take(KINDS, axis=2).all(axis=1).sum(axis=1)
        out[:, 1] += [min(max((number - _USUAL) / _UNLIKE, 0.0), 1.0) for number in near]
    return out


_LOGS = np.log1p(np.arange(len(WATCHED) + 1))


def ranges(values: Array) -> Array:
    """The ends of each feature's range in one kind of data (2 x d); NaN counts as 0.

    ``values`` (n x d) are the ``watched`` features of its n prompts.
    """
    low, high = np.quantile(np.nan_to_num(values), _ENDS, axis=0)
    return np.array([low, high])


@dataclass(frozen=True, slots=True)
class Evidence:
    """What training found out about priors and ranges.

    ``shares`` and ``shifts`` (one for each line of ``prior_table.LINES``): the share of the way
    that the prior moves a forecast, and what is added to the prior's log tokens. A line without
    data has its stated trust and 0. ``low`` and ``high`` (k x len(WATCHED)) are the ranges of
    each kind of training data.
    """

    shares: Array
    shifts: Array
    low: Array
    high: Array
    _single: tuple[Single, Single] = field(init=False, repr=False, compare=False)
    """``low`` and ``high`` as they are compared."""

    def __post_init__(self) -> None:
        single = self.low.astype(np.float32), self.high.astype(np.float32)
        object.__setattr__(self, "_single", single)

    def columns(self, features: TextFeatures) -> Array:
        """The columns NAMES of n requests."""
        whole = np.concatenate([features.lexical, features.context], axis=1)
        code, short = is_code(features).tolist(), is_short(features).tolist()
        out = np.empty((len(whole), len(NAMES)))
        out[:, :2] = novelty(whole.take(WATCHED, axis=1), *self._single)
        out[:, 2:] = list(map(self._moved, stated_priors(whole), code, short))
        return out

    def _moved(self, stated: Stated, code: bool, short: bool) -> tuple[float, float, float]:
        """The last three columns of a request, which is a task with ``code`` or a ``short`` one."""
        location, spread, _, line, strength = stated
        if code and not (short and _BARE[line]):
            strength *= _IN_CODE
        return location + self.shifts.item(line), spread, self.shares.item(line) * strength

    @classmethod
    def from_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> Evidence:
        """The inverse of ``arrays``; raises KeyError if a part is absent.

        Lines that the table gained since then, behind all others, are lines without data. Ranges
        stored for all data together are those of one kind.
        """
        shares, shifts, low, high = (stored[name] for name in _STORED)
        low, high = np.atleast_2d(low), np.atleast_2d(high)
        added = [line.trust for line in LINES[len(shares) :]]
        return cls(np.append(shares, added), np.append(shifts, np.zeros(len(added))), low, high)

    def arrays(self) -> dict[str, Array]:
        """The arrays to store."""
        parts = (self.shares, self.shifts, self.low, self.high)
        return dict(zip(_STORED, parts, strict=True))


RANGES = ("range_low", "range_high")
"""Names of the stored ranges of features by kind (each k x len(WATCHED))."""

_STORED = ("prior_shares", "prior_shifts", *RANGES)
