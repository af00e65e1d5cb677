"""The texts of logged requests, as counts of their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.features.definition import extract
from predictor.features.ngrams import BucketCounts, merge
from predictor.prompt import Prompt

MOST_READ = 20_000
"""The most different texts that are read, the latest ones: bounds the memory of a refit."""

NO_TEXT = -1
"""The number of a text that was not kept, or not read."""

_BATCH = 500


@dataclass(frozen=True, slots=True)
class LoggedTexts:
    """``number`` (n) are the numbers of n requests' texts, ``words`` the words of each number.

    A text is the last user message, as the gateway's predictor reads it. Requests with the same
    text share a number: the turns of an agent, or conversations that go on with "Continue."
    """

    number: Indices
    words: BucketCounts

    @classmethod
    def read(cls, texts: Sequence[str | None]) -> LoggedTexts:
        """The texts (n) of a log in the order of completion; None: not kept."""
        latest = list(dict.fromkeys(text for text in reversed(texts) if text))[:MOST_READ]
        known = {text: number for number, text in enumerate(latest)}
        number = [known.get(text, NO_TEXT) if text else NO_TEXT for text in texts]
        parts = [
            extract([Prompt("", text) for text in latest[at : at + _BATCH]]).words
            for at in range(0, len(latest), _BATCH)
        ]
        return cls(np.array(number, dtype=np.intp), merge(parts))

    def where(self, keep: Flags | Indices) -> LoggedTexts:
        """The texts of the requests marked in ``keep`` (n flags), or with these indices."""
        return LoggedTexts(self.number[keep], self.words)

    def spread(self, score: Callable[[BucketCounts], Array]) -> Array:
        """The ``score`` of each request's words (n); 0 without a text."""
        return np.asarray(np.append(score(self.words), 0.0)[self.number])
