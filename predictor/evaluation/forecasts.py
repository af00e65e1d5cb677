"""Forecasts for one model beside the measured lengths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.data.records import Records
from predictor.evaluation import scores
from predictor.fast.inputs import ROUTES
from predictor.fast.predictor import Predictor
from predictor.raw_forecast import CAP_TOKENS


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts of n prompts for one model, and k measured samples.

    Per prompt: ``atoms`` and ``mass`` (n x m, tokens and probabilities), ``corpus`` and ``chars``
    (the prompt's length in characters). Per sample: ``prompt`` (0..n-1, increasing), ``tokens``
    and ``censored``. ``route`` is an entry of ROUTES: how the predictor knows the model.
    """

    model: str
    route: str
    atoms: Array
    mass: Array
    corpus: NDArray[np.str_]
    chars: Indices
    prompt: Indices
    tokens: Array
    censored: Flags

    def __len__(self) -> int:
        return len(self.atoms)

    def of_prompts(self, keep: Flags) -> Forecasts:
        """The forecasts and samples of the prompts marked in ``keep`` (n)."""
        rows = keep[self.prompt]
        return replace(
            self,
            atoms=self.atoms[keep],
            mass=self.mass[keep],
            corpus=self.corpus[keep],
            chars=self.chars[keep],
            prompt=(np.cumsum(keep) - 1)[self.prompt[rows]],
            tokens=self.tokens[rows],
            censored=self.censored[rows],
        )

    def quantile(self, level: float) -> Array:
        """The forecasts' quantile at ``level`` in tokens (n)."""
        return scores.quantile(self.atoms, self.mass, level)

    def geometric_mean(self) -> Array:
        """The forecasts' geometric mean in tokens (n), by which jobs are ordered."""
        return scores.geometric_mean(self.atoms, self.mass)

    def by_sample(self) -> tuple[Array, Array, Array]:
        """Atoms and masses (k x m) and lengths (k) by which each sample is scored.

        A sample censored at c tokens states min(length, c) only, so the sample scores
        min(forecast, c). The cut c is at most CAP_TOKENS, at which an endless answer counts.
        """
        limit = np.where(self.censored, np.minimum(self.tokens, CAP_TOKENS), np.inf)
        atoms = np.minimum(self.atoms[self.prompt], limit[:, None])
        return atoms, self.mass[self.prompt], np.minimum(self.tokens, limit)


def forecasts_by_model(predictor: Predictor, records: Records) -> Iterator[Forecasts]:
    """The forecasts for each model of ``records`` that has samples of at least two prompts."""
    for index, name in enumerate(records.models):
        rows = np.flatnonzero(records.model == index)
        rows = rows[np.argsort(records.prompt[rows], kind="stable")]
        prompts, number = np.unique(records.prompt[rows], return_inverse=True)
        if len(prompts) < 2:
            continue
        asked = [replace(records.prompts[prompt], model=name) for prompt in prompts]
        atoms, mass = predictor.atoms(asked)
        yield Forecasts(
            model=name,
            route=ROUTES[predictor.match(name).route],
            atoms=atoms,
            mass=mass,
            corpus=records.corpus[prompts],
            chars=np.array([prompt.chars or len(prompt.text) for prompt in asked], dtype=np.intp),
            prompt=number,
            tokens=records.tokens[rows],
            censored=records.censored[rows],
        )
