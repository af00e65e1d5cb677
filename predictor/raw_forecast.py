"""Raw forecasts: location, scale and shape of log lengths, as a model gives them.

The refined tier and the adaptive layer correct raw forecasts; the scheduler sees distributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from predictor.arrays import Array
from scheduler.length import LengthDistribution

QUANTILES = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""The levels that a forecast states: 0.05, 0.1, ..., 0.95."""

LEVELS = np.array([0.01, 0.025, *QUANTILES, 0.975, 0.99, 0.9975])
MASS = np.array([0.0175, 0.02, 0.0375, *([0.05] * 17), 0.0446, 0.0164, 0.009, 0.005])
"""Atoms and their masses: each stands for the probability around it (trapezoid rule).

The mass up to the atom of level q reaches beyond q and that before it does not reach q, so that
the distribution's quantile at q is this atom, and its mean is nearly unbiased.
"""

CAP_TOKENS = 15_000
"""Where CASTILLO's generation stopped: a capped sample is a length of at least this."""

ATOMS = len(MASS) + 1
"""Atoms of a forecast: the quantiles, and the answer that never ends by itself."""
_MOST = log(CAP_TOKENS)


@dataclass(frozen=True, slots=True)
class RawForecasts:
    """Forecasts of n prompts: length = exp(location + scale * z), z with quantiles ``shape``.

    ``location`` and ``scale`` (n) are in log tokens; ``shape`` (n x len(LEVELS)) are standardised
    quantiles; ``endless`` (n) is the probability of an answer that does not end by itself;
    ``inputs`` (n x len(COLUMNS)) are what the boosters saw, kept for whoever learns from it later.
    """

    location: Array
    scale: Array
    shape: Array
    endless: Array
    inputs: Array

    def __len__(self) -> int:
        return len(self.location)

    def rows(self, rows: slice) -> RawForecasts:
        """Those of some of the prompts."""
        return RawForecasts(
            self.location[rows],
            self.scale[rows],
            self.shape[rows],
            self.endless[rows],
            self.inputs[rows],
        )

    def atoms(self) -> tuple[Array, Array]:
        """The forecasts as arrays, not cut: tokens and masses, each n x ATOMS."""
        tokens, mass = np.empty((2, len(self), ATOMS))
        tokens[:, -1], mass[:, -1] = CAP_TOKENS, self.endless
        np.multiply((1 - self.endless)[:, None], MASS, out=mass[:, :-1])
        logs = self.location[:, None] + self.scale[:, None] * self.shape
        np.minimum(np.exp(np.clip(logs, 0.0, _MOST)), CAP_TOKENS, out=tokens[:, :-1])
        return tokens, mass

    def distributions(self, limits: Sequence[float | None]) -> list[LengthDistribution]:
        """The distribution of each prompt's output tokens, cut at its limit if it has one."""
        atoms, mass = self.atoms()
        distinct = np.all(atoms[:, 1:] > atoms[:, :-1], axis=1)
        out = []
        for limit, tokens, masses, plain in zip(
            limits, atoms.tolist(), mass.tolist(), distinct, strict=True
        ):
            make = _plain if plain else LengthDistribution.weighted
            forecast = make(tokens, masses)
            out.append(forecast if limit is None else forecast.capped(limit))
        return out


def _plain(tokens: Sequence[float], masses: Sequence[float]) -> LengthDistribution:
    """Atoms that increase already: no merging, a third of the time."""
    return LengthDistribution(tuple(tokens), tuple(masses))
