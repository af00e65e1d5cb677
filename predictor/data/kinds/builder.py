"""Collects the answers of one set and makes ``Records`` of them."""

from __future__ import annotations

import numpy as np

from predictor.data.kinds.choice import weights
from predictor.data.records import Records
from predictor.prompt import Prompt


class RecordsBuilder:
    """Collects answers one at a time; equal requests become one prompt."""

    def __init__(self, corpus: str) -> None:
        self._corpus = corpus
        self._requests: dict[Prompt, int] = {}
        self._subjects: list[str] = []
        self._models: dict[str, int] = {}
        self._rows: list[tuple[int, int, float, bool, bool]] = []

    def add(
        self, request: Prompt, subject: str, model: str, tokens: float, *, cut: bool, free: bool
    ) -> None:
        """Add an answer of ``tokens`` tokens to ``request``, which is about ``subject``."""
        prompt = self._requests.setdefault(request, len(self._requests))
        if prompt == len(self._subjects):
            self._subjects.append(subject)
        number = self._models.setdefault(model, len(self._models))
        self._rows.append((prompt, number, tokens, cut, free))

    def records(self) -> Records:
        """All answers so far; none of the prompts is ``validate``."""
        table = np.array(self._rows, dtype=np.float64).reshape(-1, 5)
        prompt, model = table[:, 0].astype(np.intp), table[:, 1].astype(np.intp)
        return Records(
            prompts=list(self._requests),
            subjects=self._subjects,
            corpus=np.full(len(self._requests), self._corpus),
            validate=np.zeros(len(self._requests), dtype=np.bool_),
            group=np.arange(len(self._requests)),
            models=list(self._models),
            prompt=prompt,
            model=model,
            tokens=table[:, 2],
            censored=table[:, 3] > 0,
            free=table[:, 4] > 0,
            weight=weights(list(self._models), prompt, model),
        )
