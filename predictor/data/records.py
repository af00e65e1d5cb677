"""Measured lengths as arrays: the CASTILLO reader, the held-out rule, the licence filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices


class DataError(ValueError):
    """The training data cannot be used; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Records:
    """Sampled lengths of answers.

    Of each of P prompts: ``texts``, ``corpus`` (name) and ``validate`` (the publisher's split).
    Of each of n samples: ``prompt`` (0..P-1), ``model`` (index into ``models``), ``tokens`` and
    ``capped`` (right-censored).
    """

    texts: list[str]
    corpus: NDArray[np.str_]
    validate: Flags
    models: list[str]
    prompt: Indices
    model: Indices
    tokens: Array
    capped: Flags

    def of_prompts(self, keep: Flags) -> Records:
        """The samples of the prompts marked in ``keep`` (P), prompts renumbered."""
        number = np.cumsum(keep) - 1
        rows = keep[self.prompt]
        return replace(
            self,
            texts=[text for text, kept in zip(self.texts, keep, strict=True) if kept],
            corpus=self.corpus[keep],
            validate=self.validate[keep],
            prompt=number[self.prompt[rows]],
            model=self.model[rows],
            tokens=self.tokens[rows],
            capped=self.capped[rows],
        )

    def of_models(self, names: list[str]) -> Records:
        """The samples of the models ``names``, models renumbered in that order."""
        number = np.full(len(self.models), -1)
        for at, name in enumerate(names):
            number[self.models.index(name)] = at
        rows = number[self.model] >= 0
        return replace(
            self,
            models=list(names),
            prompt=self.prompt[rows],
            model=number[self.model[rows]],
            tokens=self.tokens[rows],
            capped=self.capped[rows],
        )
