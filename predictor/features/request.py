"""Features of a request beside its last message: conversation, tools, format, thinking, sampling.

CASTILLO has no such fields; the other sets and served traffic have.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p, nan

import numpy as np

from predictor.arrays import Array
from predictor.features.reasoning import thinking
from predictor.prompt import ANSWER_ALONE, Prompt

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
    "log_previous",
    "log_last",
    "log_first",
    "tool_results",
    "log_tools",
    "forced_tool",
    "parallel_tools",
    "log_schema",
    "schema_fields",
    "log_answer_limit",
    "thinking",
    "log_budget",
)


def request_features(prompts: Sequence[Prompt]) -> Array:
    """The features of n requests, n x len(NAMES); NaN for a field that a request does not set."""
    return np.array([_row(prompt) for prompt in prompts]).reshape(-1, len(NAMES))


def first_chars(prompt: Prompt) -> int:
    """Characters of the first user message before clipping."""
    return prompt.first_chars or _own(prompt)


def _own(prompt: Prompt) -> int:
    """Characters of the text; of the one message, clipped or not, of a request of one turn."""
    size = len(prompt.text)
    return size if prompt.turns > 1 else max(prompt.chars - len(prompt.system), size)


def _row(prompt: Prompt) -> list[float]:
    own = _own(prompt)
    return [
        float(prompt.turns),
        log1p(_history(prompt)),
        log1p(len(prompt.system)),
        float(prompt.last_role not in ("", "user")),
        float(prompt.tools),
        float(prompt.json),
        _number(prompt.temperature),
        _number(prompt.top_p),
        _log(prompt.max_tokens),
        _number(0.0 if prompt.reasoning == ANSWER_ALONE else prompt.reasoning),
        log1p(prompt.previous_chars),
        log1p(prompt.last_chars or own),
        log1p(prompt.first_chars or own),
        float(prompt.tool_results),
        log1p(prompt.tool_chars),
        float(prompt.forced_tool),
        _number(prompt.parallel_tools),
        log1p(prompt.schema_chars),
        float(prompt.schema_fields),
        _log(prompt.answer_limit),
        thinking(prompt),
        _log(prompt.thinking_budget),
    ]


def _history(prompt: Prompt) -> int:
    """Characters of the conversation beside the text, if an answer or a tool's result is in it."""
    alone = prompt.turns <= 1 and not prompt.previous_chars and not prompt.tool_results
    return 0 if alone else max(0, prompt.chars - len(prompt.text))


def _number(value: float | None) -> float:
    return nan if value is None else float(value)


def _log(count: int | None) -> float:
    return nan if count is None else log1p(count)
