"""The stated prior of an answer: the line of ``prior_table`` that holds for the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from predictor.arrays import Array
from predictor.features.characters import SCRIPTS
from predictor.features.definition import CONTEXT_NAMES, LEXICAL_NAMES
from predictor.features.demand_words import FORMS, PIECES
from predictor.features.prior_table import (
    ACCENTED_FACTOR,
    BRIEF_PIECE,
    LINES,
    MOVES,
    SCRIPT_FACTORS,
    Line,
)

_CHARS_PER_TOKEN = 4.0
_LEAST = 2.0  # tokens of the shortest answer: a token and the end
_ACCENTED = 0.004  # share of the letters from which a text is not English
_GIST = 0.45  # a summary grows with this power of the text's length

_NOT_LATIN = [name for name in SCRIPTS if name != "accented"]

_Columns = Callable[[str], Array]


@dataclass(frozen=True, slots=True)
class Prior:
    """The stated prior of n answers without thinking.

    ``location`` is the log of the expected tokens (NaN: no prior), ``spread`` the standard
    deviation of the log (NaN: no prior), ``trust`` says from 0 (no prior) to 1 how surely the
    request rules the length.
    """

    location: Array
    spread: Array
    trust: Array


def priors(lexical: Array, context: Array) -> Prior:
    """The priors of n requests from ``TextFeatures.lexical`` and ``TextFeatures.context``."""
    columns = _columns(lexical, context)
    marks, sizes = _marks(columns), _quantities(columns)
    trust = np.array([line.trust * _strength(line, marks) for line in LINES])
    tokens = np.array([_tokens(line, sizes, len(lexical)) for line in LINES])
    moved = np.log(tokens) + np.array([_moves(line, marks) for line in LINES])
    rows = np.arange(len(lexical))
    best = trust.argmax(axis=0)
    found = trust[best, rows] > 0
    spread = np.array([line.spread for line in LINES])[best]
    return Prior(
        np.where(found, moved[best, rows] + _in_script(columns, best), np.nan),
        np.where(found, spread, np.nan),
        trust[best, rows],
    )


def _columns(lexical: Array, context: Array) -> _Columns:
    """The columns by name; zeros where a request does not set a field."""
    names = {name: lexical[:, at] for at, name in enumerate(LEXICAL_NAMES)}
    names |= {name: context[:, at] for at, name in enumerate(CONTEXT_NAMES)}
    return lambda name: np.nan_to_num(names[name])


def _marks(columns: _Columns) -> Mapping[str, Array]:
    """The strengths of the forms, and 0 or 1 for what else a line may ask for (n each)."""
    marks = {form: columns(f"asks {form}") for form in FORMS}
    positive = {
        "limit": "asked_limit",
        "low": "asked_low",
        "answer_limit": "log_answer_limit",
        "previous": "log_previous",
        "forced_tool": "forced_tool",
        "tools": "tools",
        "schema": "schema_fields",
        "many": "group many",
    }
    marks |= {mark: (columns(name) > 0).astype(np.float64) for mark, name in positive.items()}
    marks["json"] = np.maximum(marks["json"], columns("json") > 0)
    others = np.sum([columns(f"script {name}") for name in _NOT_LATIN], axis=0)
    marks["foreign"] = ((others > 0.3) | (columns("script accented") > _ACCENTED)).astype(float)
    marks["items"] = (columns("asked_items") >= log(3)).astype(np.float64)  # two or more
    return marks


def _quantities(columns: _Columns) -> Mapping[str, Array]:
    """What lines multiply (n each): tokens of the input, items of a list, a stated length."""
    tokens = np.expm1(columns("log_tokens"))
    return {
        "input": tokens,
        "gist": tokens**_GIST,
        "previous": np.expm1(columns("log_previous")) / _CHARS_PER_TOKEN,
        "items": np.expm1(columns("asked_items")),
        "limit": np.expm1(columns("asked_limit")),
        "low": np.expm1(columns("asked_low")),
        "answer_limit": np.expm1(columns("log_answer_limit")),
        "fields": columns("schema_fields"),
    }


def _strength(line: Line, marks: Mapping[str, Array]) -> Array:
    """How strongly a line's forms are demanded (n); 0 where it does not hold."""
    strength = np.min([marks[form] for form in line.forms], axis=0)
    for form in line.unless:
        strength = np.where(marks[form] >= 1, 0.0, strength)
    return np.asarray(strength)


def _tokens(line: Line, sizes: Mapping[str, Array], count: int) -> Array:
    size = sizes[line.of] if line.of else np.zeros(count)
    return np.asarray(np.maximum(_LEAST, line.tokens + line.per * size))


def _moves(line: Line, marks: Mapping[str, Array]) -> Array:
    """What "in detail" and "briefly" add to the log length of a line (n)."""
    count = len(marks["detail"])
    if line.fixed:
        return np.zeros(count)
    factors = MOVES | ({"brief": BRIEF_PIECE} if set(line.forms) & set(PIECES) else {})
    moves = [
        marks[form] * log(factor) for form, factor in factors.items() if form not in line.forms
    ]
    return np.asarray(np.sum(moves, axis=0))


_WORDED = np.array([not line.of for line in LINES])
"""Lines in tokens of English; the others follow the request's own lengths."""


def _in_script(columns: _Columns, best: np.ndarray) -> Array:
    """What the script adds to the log length of the lines ``best`` (n)."""
    shares = [columns(f"script {name}") * log(f) for name, f in SCRIPT_FACTORS.items()]
    accented = (columns("script accented") > _ACCENTED) * log(ACCENTED_FACTOR)
    return np.asarray(np.where(_WORDED[best], np.sum(shares, axis=0) + accented, 0.0))
