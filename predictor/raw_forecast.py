"""Raw forecasts: location, scale and shape of log lengths, as a model gives them.

The refined tier and the adaptive layer correct raw forecasts; the scheduler sees distributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array
from scheduler.length import LengthDistribution

QUANTILES = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""The quantile levels of a forecast that users see: 0.05, 0.1, ..., 0.95."""

LEVELS = np.array([0.01, 0.025, *QUANTILES, 0.975, 0.99, 0.9975])
MASS = np.array([0.0175, 0.02, 0.0375, *([0.05] * 17), 0.0446, 0.0164, 0.009, 0.005])
"""The quantile levels of a forecast's atoms and the probability mass of each atom.

Each mass covers the probability around the atom's level (trapezoid rule). The masses up to the
atom of level q sum to more than q, and the masses before the atom sum to less: the distribution's
quantile at q is then the atom, and the distribution's mean is nearly unbiased.
"""

CAP_TOKENS = 15_000
"""Tokens at which CASTILLO cut its answers: an endless answer has at least this length."""

MOST_TOKENS = 131_072
"""No forecast is longer: the context of most large models. Answers of reasoning models with 50,000
tokens are real."""
_MOST_LOG = np.log(MOST_TOKENS)

ATOMS = len(MASS) + 1
"""Atoms of a forecast: one for each quantile level, and one for endless answers."""


@dataclass(frozen=True, slots=True)
class RawForecasts:
    """Forecasts of n prompts: length = exp(location + scale * z), where z has quantiles ``shape``.

    ``location`` and ``scale`` (n) are in log tokens. ``shape`` (n x len(LEVELS)) are the quantiles
    of z at LEVELS. ``endless`` (n) is the probability that the answer is endless (does not end by
    itself). ``inputs`` (n x len(COLUMNS)) are the boosters' inputs, which the served log keeps for
    refits. ``learned`` (n, log tokens) is the part of the location that a deployment's own words
    make (``fast.learned_words``); None: a model without such words. ``plain`` (n; None: ``scale``)
    is the scale before ``fast.doubt`` widened it.
    """

    location: Array
    scale: Array
    shape: Array
    endless: Array
    inputs: Array
    learned: Array | None = None
    plain: Array | None = None

    def __len__(self) -> int:
        return len(self.location)

    def rows(self, rows: slice) -> RawForecasts:
        """The forecasts of the prompts in the slice ``rows``."""
        return RawForecasts(
            self.location[rows],
            self.scale[rows],
            self.shape[rows],
            self.endless[rows],
            self.inputs[rows],
            None if self.learned is None else self.learned[rows],
            None if self.plain is None else self.plain[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[RawForecasts]) -> RawForecasts:
        """The forecasts of all ``parts`` (at least one), in order."""

        def joined(values: Sequence[Array | None], absent: Sequence[Array]) -> Array | None:
            if all(value is None for value in values):
                return None
            pairs = zip(values, absent, strict=True)
            return np.concatenate([other if value is None else value for value, other in pairs])

        return cls(
            np.concatenate([part.location for part in parts]),
            np.concatenate([part.scale for part in parts]),
            np.concatenate([part.shape for part in parts]),
            np.concatenate([part.endless for part in parts]),
            np.concatenate([part.inputs for part in parts]),
            joined([part.learned for part in parts], [np.zeros(len(part)) for part in parts]),
            joined([part.plain for part in parts], [part.scale for part in parts]),
        )

    def atoms(self) -> tuple[Array, Array]:
        """Tokens and masses of the forecasts' atoms, not truncated; each n x ATOMS.

        The last atom is of endless answers: CAP_TOKENS, or the longest other atom if that is more.
        """
        tokens, mass = np.empty((2, len(self), ATOMS))
        mass[:, -1] = self.endless
        np.multiply((1 - self.endless)[:, None], MASS, out=mass[:, :-1])
        logs = self.location[:, None] + self.scale[:, None] * self.shape
        np.minimum(np.maximum(logs, 0.0, out=logs), _MOST_LOG, out=logs)
        np.exp(logs, out=tokens[:, :-1])
        np.maximum(CAP_TOKENS, tokens[:, -2], out=tokens[:, -1])
        return tokens, mass

    def distributions(self, limits: Sequence[float | None]) -> list[LengthDistribution]:
        """The distribution of each prompt's output tokens, truncated at the prompt's limit."""
        atoms, mass = self.atoms()
        distinct = np.all(atoms[:, 1:] > atoms[:, :-1], axis=1)
        out = []
        for limit, tokens, masses, increasing in zip(
            limits, atoms.tolist(), mass.tolist(), distinct, strict=True
        ):
            build = _increasing if increasing else LengthDistribution.weighted
            forecast = build(tokens, masses)
            out.append(forecast if limit is None else forecast.capped(limit))
        return out


def _increasing(tokens: Sequence[float], masses: Sequence[float]) -> LengthDistribution:
    """The distribution of strictly increasing atoms, in a third of the time of ``weighted``."""
    return LengthDistribution(tuple(tokens), tuple(masses))
