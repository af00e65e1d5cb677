"""Records: sampled answer lengths as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.prompt import Prompt


class DataError(ValueError):
    """The data cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Records:
    """Samples (one answer each) of P prompts by M models.

    Per prompt: the request in ``prompts`` (its model is ""), ``subjects`` (the text by which
    near-duplicates are found), ``corpus`` (its name), ``validate`` (whether the prompt is in the
    publisher's split ``validate``) and ``group`` (near-duplicates have the same number). Per model:
    the name in ``models``. Per sample: ``prompt`` (index, 0..P-1), ``model`` (index, 0..M-1),
    ``tokens`` (the answer's length), ``censored`` (whether the length is right-censored: the answer
    was cut at ``tokens``), ``free`` (whether licences let a published model learn from it) and
    ``weight`` in training (CASTILLO's samples weigh 1).
    """

    prompts: list[Prompt]
    subjects: list[str]
    corpus: NDArray[np.str_]
    validate: Flags
    group: Indices
    models: list[str]
    prompt: Indices
    model: Indices
    tokens: Array
    censored: Flags
    free: Flags
    weight: Array

    @classmethod
    def of_texts(
        cls,
        texts: list[str],
        *,
        corpus: NDArray[np.str_],
        validate: Flags,
        models: list[str],
        prompt: Indices,
        model: Indices,
        tokens: Array,
        censored: Flags,
    ) -> Records:
        """Samples of prompts that are texts; each text is a group. No sample is free."""
        return cls(
            prompts=[Prompt("", text) for text in texts],
            subjects=list(texts),
            corpus=corpus,
            validate=validate,
            group=np.arange(len(texts)),
            models=models,
            prompt=prompt,
            model=model,
            tokens=tokens,
            censored=censored,
            free=np.zeros(len(tokens), dtype=np.bool_),
            weight=np.ones(len(tokens)),
        )

    @property
    def texts(self) -> list[str]:
        """The text of each prompt (P)."""
        return [prompt.text for prompt in self.prompts]

    def of_prompts(self, keep: Flags) -> Records:
        """The samples of the prompts marked in ``keep`` (P); these prompts are renumbered."""
        kept = np.flatnonzero(keep)
        part = self._of_rows(keep[self.prompt])
        return replace(
            part,
            prompts=[self.prompts[index] for index in kept],
            subjects=[self.subjects[index] for index in kept],
            corpus=self.corpus[keep],
            validate=self.validate[keep],
            group=self.group[keep],
            prompt=(np.cumsum(keep) - 1)[part.prompt],
        )

    def of_models(self, names: list[str]) -> Records:
        """The samples of the models ``names``; these models are renumbered in that order."""
        number = np.full(len(self.models), -1)
        for index, name in enumerate(names):
            number[self.models.index(name)] = index
        part = self._of_rows(number[self.model] >= 0)
        return replace(part, models=list(names), model=number[part.model])

    def of_samples(self, keep: Flags) -> Records:
        """The samples marked in ``keep`` (n), without prompts and models that have none."""
        part = self._of_rows(keep)
        used = np.isin(np.arange(len(self.prompts)), part.prompt)
        answering = np.unique(part.model)
        return part.of_prompts(used).of_models([self.models[index] for index in answering])

    def _of_rows(self, keep: Flags) -> Records:
        return replace(
            self,
            prompt=self.prompt[keep],
            model=self.model[keep],
            tokens=self.tokens[keep],
            censored=self.censored[keep],
            free=self.free[keep],
            weight=self.weight[keep],
        )
