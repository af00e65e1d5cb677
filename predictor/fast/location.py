"""The part of the location that needs no trees: level, text score, prior and thinking phase.

An answer's length starts from the model's offset and the text model's score, moves towards the
stated prior by the prior's trust, and gains the tokens that the model thinks first. The boosters
correct the rest, since trees approximate a line or a sum by many steps.
"""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array

THINKING_TOKENS, THINKING_POWER = 25.0, 0.7
"""Thinking at full effort takes THINKING_TOKENS x (tokens of the answer) ** THINKING_POWER tokens:
166 before a greeting of 15 tokens, 2,500 before a solution of 700. Less effort counts squared:
low, medium and high effort (0.3, 0.6, 1) then differ as 1, 4 and 11. These numbers are stated
guesses, which the boosters correct; no data measured them."""

_ALIKE = 0.75
"""The share of the way to the last answer's length that an answer goes whose level is not known.

How long a new model writes, or any model in a new kind of conversation, is told by its last answer
rather than by other models and kinds. With agents left out of the training, the mean error on later
turns is 0.56, 0.51, 0.48 and 0.45 log tokens by shares of 0, a quarter, a half and this one, and
tau 0.16, 0.27, 0.32 and 0.34."""
_CHARS_PER_TOKEN, _LEAST_ANSWER = 4.0, 2.0  # of the last answer

USUAL = 5.5
"""Log tokens of a usual answer, from which the text model's score counts."""

_FIRM = 0.97  # share of the boosters' correction that a fully trusted prior takes away
_LONGEST = 11.0  # log tokens; bounds an answer before the thinking phase is added
_STEPS = 40


def some(column: Array) -> bool:
    """Whether a number of ``column`` (n) is not 0 (NaN is not); for few rows faster than numpy."""
    return any(column.tolist())


def with_thinking(answer: Array, effort: Array) -> Array:
    """Log tokens of thinking and answer together (n).

    ``answer`` (n) are the answer's log tokens, ``effort`` (n, 0 to 1) the effort of the thinking.
    """
    if not some(effort):  # most requests; nothing to add
        return answer
    bounded = np.minimum(answer, _LONGEST)
    thinking = effort**2 * THINKING_TOKENS * np.exp(THINKING_POWER * bounded)
    return np.asarray(answer + np.log1p(thinking * np.exp(-bounded)))


def without_thinking(total: Array, effort: Array) -> Array:
    """The inverse of ``with_thinking``: the answer's log tokens (n), at least 0, by bisection."""
    low, high = np.zeros_like(total), np.maximum(total, 0.0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = with_thinking(middle, effort) > total
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.where(effort > 0, high, total)


def toward_prior(answer: Array, prior: Array, trust: Array) -> Array:
    """``answer`` (n, log tokens) moved by ``trust`` (n) towards ``prior`` (n; NaN: no prior)."""
    if not some(trust):  # most requests have no prior
        return answer
    return answer + np.where(np.isnan(prior), 0.0, trust * (prior - answer))


def toward_previous(answer: Array, log_chars: Array, doubt: Array) -> Array:
    """``answer`` (n, log tokens) moved towards the length of the last answer.

    ``log_chars`` (n) are log(1 + characters) of the last answer; 0: there is none. ``doubt`` (n, 0
    to 1) says how little is known of the level of ``answer``.
    """
    last = np.log(np.maximum(_LEAST_ANSWER, np.expm1(log_chars) / _CHARS_PER_TOKEN))
    return np.asarray(answer + np.where(log_chars > 0, _ALIKE * doubt * (last - answer), 0.0))


def damping(trust: Array) -> Array:
    """The share (n) of the boosters' correction that stays beside a prior of this ``trust``.

    The boosters learned from other requests than those that state their form: a trust of 0.3
    leaves 0.91 of their correction, one of 0.6 leaves 0.65, one of 0.95 leaves 0.12.
    """
    return np.asarray(1.0 - _FIRM * trust**2)
