"""Records: sampled answer lengths as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices


class DataError(ValueError):
    """The data cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Records:
    """Samples (one answer each) of P prompts by M models.

    Per prompt: ``texts``, ``corpus`` (its name) and ``validate`` (whether the prompt is in the
    publisher's split ``validate``). Per model: the name in ``models``. Per sample: ``prompt``
    (index, 0..P-1), ``model`` (index, 0..M-1), ``tokens`` (the answer's length) and ``censored``
    (whether the length is right-censored: the answer was cut at ``tokens``).
    """

    texts: list[str]
    corpus: NDArray[np.str_]
    validate: Flags
    models: list[str]
    prompt: Indices
    model: Indices
    tokens: Array
    censored: Flags

    def of_prompts(self, keep: Flags) -> Records:
        """The samples of the prompts marked in ``keep`` (P); these prompts are renumbered."""
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
            censored=self.censored[rows],
        )

    def of_models(self, names: list[str]) -> Records:
        """The samples of the models ``names``; these models are renumbered in that order."""
        number = np.full(len(self.models), -1)
        for index, name in enumerate(names):
            number[self.models.index(name)] = index
        rows = number[self.model] >= 0
        return replace(
            self,
            models=list(names),
            prompt=self.prompt[rows],
            model=number[self.model[rows]],
            tokens=self.tokens[rows],
            censored=self.censored[rows],
        )
