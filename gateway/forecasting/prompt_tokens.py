"""PromptTokens: the tokens of a prompt, estimated from its parts before a worker counts them.

Each part (see ``token_rates``) has so many tokens a unit. The rates begin as assumed; the workers'
counts correct them, by a robust regression over recent prompts of every kind. A count moves the
rates of the parts that its prompt has, those most that are known least: images teach of images, not
of text.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from gateway.forecasting.characters import Counts
from gateway.forecasting.prompt_parts import PromptParts
from gateway.forecasting.token_rates import ASSUMED, DEVIATION, LEAST, MOST

_Tokens = TypeVar("_Tokens", float, Counts)

KEPT = 32
"""Prompts kept of each kind: many prompts of one kind do not displace the few of another."""

KINDS = 16
"""Kinds of prompts kept. The one that was seen longest ago makes room for a new one."""

NOISE, NOISE_PART = 5.0, 0.06
"""Standard deviation of a prompt's tokens around the sum of its parts: tokens, and a part of the
sum. Measured with 13 tokenizers: 4 to 7 %; see gateway/RESULTS.md."""

_PLAUSIBLE = 4.0
"""Standard deviations, by the assumed rates, within which a count is believed."""

_PLAUSIBLE_FIRST = 2.0
"""The same for the first count of a kind, which no other confirms."""

_HUBER = 1.5
"""Standard deviations of noise beyond which a count pulls no harder (Huber, 1964)."""

_ROUNDS = 4
"""Rounds in which the regression weighs its residuals."""

_REFITS = 4
"""Part of the kept prompts (one in so many) that are new before the rates are fitted again."""

_SETTLED = 32
"""Part of all prompts (one in so many) that are new before a fit, until all that are kept are new:
the rates of a model that was counted often hardly move, and a fit takes as long as a forecast."""

_VARIANCE = DEVIATION**2

SURE = 0.75
"""Part of an estimate that an answer is sure not to have for itself. A forecast that is a little
too long costs less than one that is cut for a prompt counted too high."""


def room(context: float, tokens: int) -> float:
    """The most tokens of an answer, for a prompt estimated at ``tokens``, at most the context.

    A worker refuses a prompt that fills the context. The estimate of a prompt that it accepts is
    wrong where it fills the context, and then it bounds nothing.
    """
    return context - SURE * tokens if tokens < context else context


@dataclass(slots=True)
class PromptTokens:
    """A model's tokens per unit of each part of a prompt."""

    _rates: Counts = field(default_factory=ASSUMED.copy)
    _kinds: dict[bytes, deque[tuple[Counts, float]]] = field(default_factory=dict)
    """Amounts and tokens of recent prompts by kind, the kind seen last at the end."""
    _new: int = 0
    _all: int = 0

    def estimate(self, parts: PromptParts) -> int:
        """The tokens of a prompt, or of all prompts of a batch; at least 1 for each."""
        tokens = math.ceil(float(self._rates @ parts.amounts)) + parts.ids
        return max(tokens, parts.prompts)

    def observe(self, parts: PromptParts, tokens: int) -> None:
        """Take the tokens of a prompt as a worker counted them.

        A count that no tokenizer makes counts as the nearest that one does.
        """
        amounts = parts.amounts
        if not amounts.any():
            return
        assumed = float(ASSUMED @ amounts)
        kind = parts.kind
        rows = self._kinds.pop(kind, None) or deque(maxlen=KEPT)
        deviation = _noise(assumed) + math.sqrt(float(_VARIANCE @ (amounts * amounts)))
        doubt = (_PLAUSIBLE if rows else _PLAUSIBLE_FIRST) * deviation
        least = max(float(LEAST @ amounts), assumed - doubt)
        most = min(float(MOST @ amounts), assumed + doubt)
        rows.append((amounts, min(max(float(tokens - parts.ids), least), most)))
        self._kinds[kind] = rows
        if len(self._kinds) > KINDS:
            del self._kinds[next(iter(self._kinds))]
        self._new += 1
        self._all += 1
        kept = sum(map(len, self._kinds.values()))
        if self._new >= max(kept / _REFITS, min(kept, self._all / _SETTLED)):
            self._fit()

    def _fit(self) -> None:
        """Fit the rates to the kept prompts, with the assumed rates as the prior."""
        self._new = 0
        rows = [row for kept in self._kinds.values() for row in kept]
        amounts = np.array([row[0] for row in rows])
        tokens = np.array([row[1] for row in rows])
        precision, noise, rates = 1.0 / _VARIANCE, _noise(amounts @ ASSUMED), self._rates
        for _ in range(_ROUNDS):
            off = np.abs(tokens - amounts @ rates) / noise
            weights = np.minimum(1.0, _HUBER / np.maximum(off, _HUBER)) / noise**2
            weighted = amounts.T * weights
            rates = np.linalg.solve(
                weighted @ amounts + np.diag(precision), weighted @ tokens + precision * ASSUMED
            )
        self._rates = np.clip(rates, LEAST, MOST)


def _noise(assumed: _Tokens) -> _Tokens:
    return NOISE + NOISE_PART * assumed
