"""What the training data says of a request before the boosters: its prior, and its strangeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array
from predictor.features.definition import CONTEXT_NAMES, LEXICAL_NAMES, TextFeatures
from predictor.features.prior import priors

NAMES = ("strangeness", "prior", "prior_spread", "prior_trust")
"""The columns of ``Evidence.columns``."""

_WATCHED = (
    *LEXICAL_NAMES,
    *("turns", "answers_last", "tools", "json", "log_previous", "tool_results", "forced_tool"),
    *("schema_fields", "thinking"),
)
WATCHED = np.array([(*LEXICAL_NAMES, *CONTEXT_NAMES).index(name) for name in _WATCHED])
"""The features whose ranges are watched, as columns of lexical and context features together.

Limits, sampling and system messages are not: a request that sets them is no stranger for it.
"""


def watched(features: TextFeatures) -> Array:
    """The watched features of n prompts, n x len(WATCHED)."""
    return np.concatenate([features.lexical, features.context], axis=1)[:, WATCHED]


def strangeness(values: Array, low: Array, high: Array) -> Array:
    """log(1 + the number of features outside the range that the training data has) (n).

    ``values`` (n x d) are watched features, ``low`` and ``high`` (d) the ranges. A feature that is
    NaN is in its range.
    """
    return np.asarray(np.log1p(((values < low) | (values > high)).sum(axis=1)))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What training found out about priors and ranges.

    ``shares`` and ``shifts`` (one for each line of ``prior_table.LINES``): the share of the way
    that the prior moves a forecast, and what is added to the prior's log tokens. A line without
    data has its stated trust and 0. ``low`` and ``high`` (len(WATCHED)) are the ranges.
    """

    shares: Array
    shifts: Array
    low: Array
    high: Array

    def columns(self, features: TextFeatures) -> Array:
        """The columns NAMES of n requests."""
        prior = priors(features.lexical, features.context)
        held = prior.trust > 0
        strength = prior.strength * held
        return np.column_stack(
            [
                strangeness(watched(features), self.low, self.high),
                prior.location + self.shifts[prior.line],
                prior.spread,
                self.shares[prior.line] * strength,
            ]
        )

    @classmethod
    def from_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> Evidence:
        """The inverse of ``arrays``; raises KeyError if a part is absent."""
        return cls(*(stored[name] for name in _STORED))

    def arrays(self) -> dict[str, Array]:
        """The arrays to store."""
        parts = (self.shares, self.shifts, self.low, self.high)
        return dict(zip(_STORED, parts, strict=True))


_STORED = ("prior_shares", "prior_shifts", "range_low", "range_high")
