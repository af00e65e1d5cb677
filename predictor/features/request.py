"""Features of a request beside its last message: conversation, tools, format, sampling.

CASTILLO has no such fields, so a predictor trained on CASTILLO alone never uses these columns. A
predictor refitted on served traffic does.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p, nan

import numpy as np

from predictor.arrays import Array
from predictor.prompt import Prompt

NAMES = (
    "turns",
    "log_history",
    "log_system",
    "answers_last",
    "tools",
    "json",
    "temperature",
    "top_p",
    "log_max_tokens",
    "reasoning",
)


def request_features(prompts: Sequence[Prompt]) -> Array:
    """The features of n requests, n x len(NAMES); NaN for a field that a request does not set."""
    return np.array([_row(prompt) for prompt in prompts]).reshape(-1, len(NAMES))


def _row(prompt: Prompt) -> list[float]:
    return [
        float(prompt.turns),
        log1p(max(0, prompt.chars - len(prompt.text))) if prompt.turns > 1 else 0.0,
        log1p(len(prompt.system)),
        float(prompt.last_role not in ("", "user")),
        float(prompt.tools),
        float(prompt.json),
        nan if prompt.temperature is None else prompt.temperature,
        nan if prompt.top_p is None else prompt.top_p,
        nan if prompt.max_tokens is None else log1p(prompt.max_tokens),
        nan if prompt.reasoning is None else prompt.reasoning,
    ]
