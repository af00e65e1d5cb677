"""The stated prior of an answer: the line of ``prior_table`` that holds for the request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

import numpy as np

from predictor.arrays import Array, Indices
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
_FOREIGN = 0.3  # share of the letters of other scripts from which a text is not English
_GIST = 0.45  # a summary grows with this power of the text's length

_COLUMNS = (*LEXICAL_NAMES, *CONTEXT_NAMES)
_PRESENT = {
    "limit": "asked_limit",
    "low": "asked_low",
    "answer_limit": "log_answer_limit",
    "previous": "log_previous",
    "forced_tool": "forced_tool",
    "tools": "tools",
    "schema": "schema_fields",
    "many": "group many",
}
"""Marks that hold where a column is above 0."""
_MARKS = (*FORMS, *_PRESENT, "items", "foreign")
_SIZES = {
    "input": "log_tokens",
    "items": "asked_items",
    "limit": "asked_limit",
    "low": "asked_low",
    "answer_limit": "log_answer_limit",
    "previous": "log_previous",
    "fields": "schema_fields",
}
"""Quantities that lines multiply, and their columns (logarithms but for ``fields``)."""
_QUANTITIES = (*_SIZES, "gist", "")


def _at(names: Iterable[str]) -> Indices:
    return np.array([_COLUMNS.index(name) for name in names])


_FORM_AT, _PRESENT_AT, _SIZE_AT = (
    _at(f"asks {x}" for x in FORMS),
    _at(_PRESENT.values()),
    _at(_SIZES.values()),
)
_SCRIPT_AT = _at(f"script {name}" for name in SCRIPTS)
_SCRIPT_LOGS = np.array([log(SCRIPT_FACTORS.get(name, 1.0)) for name in SCRIPTS])
_JSON_FIELD, _ITEMS = _COLUMNS.index("json"), _COLUMNS.index("asked_items")
_TWO_ITEMS = log(3) - 1e-9  # of ``asked_items``: two or more
_PREVIOUS = list(_SIZES).index("previous")
_ACCENTED_AT, _JSON = SCRIPTS.index("accented"), FORMS.index("json")
_OTHER_SCRIPTS = np.array([name != "accented" for name in SCRIPTS], dtype=np.float64)

_NEEDED = np.array([[_MARKS.index(line.forms[at]) for at in (0, -1)] for line in LINES])
_BARRED = np.array([[mark in line.unless for line in LINES] for mark in _MARKS], dtype=np.float64)
_TRUST = np.array([line.trust for line in LINES])
_SPREAD = np.array([line.spread for line in LINES])
_TOKENS, _PER = np.array([(line.tokens, line.per) for line in LINES]).T
_OF = np.array([_QUANTITIES.index(line.of) for line in LINES])
_WORDED = np.array([not line.of for line in LINES])
"""Lines in tokens of English; the others follow the request's own lengths."""


def _move(form: str, line: Line) -> float:
    """What a form adds to the log length of a line."""
    if line.fixed or form in line.forms:
        return 0.0
    piece = form == "brief" and bool(set(line.forms) & set(PIECES))
    return log(BRIEF_PIECE if piece else MOVES[form])


_MOVE_AT = np.array([FORMS.index(form) for form in MOVES])
_MOVES = np.array([[_move(form, line) for form in MOVES] for line in LINES])


@dataclass(frozen=True, slots=True)
class Prior:
    """The stated prior of n answers without thinking.

    ``location`` is the log of the expected tokens (NaN: no prior), ``spread`` the standard
    deviation of the log (NaN: no prior), ``trust`` says from 0 (no prior) to 1 how surely the
    request rules the length: the trust of the ``line`` of the table times the ``strength`` of the
    demand.
    """

    location: Array
    spread: Array
    trust: Array
    line: Indices
    strength: Array


def priors(lexical: Array, context: Array) -> Prior:
    """The priors of n requests from ``TextFeatures.lexical`` and ``TextFeatures.context``."""
    columns = np.concatenate([lexical, context], axis=1)
    scripts = columns[:, _SCRIPT_AT]
    marks = _marks(columns, scripts)
    least = np.minimum(marks[:, _NEEDED[:, 0]], marks[:, _NEEDED[:, 1]])
    trusts = _TRUST * least * ((marks >= 1) @ _BARRED == 0)
    best, rows = trusts.argmax(axis=1), np.arange(len(columns))
    trust = trusts[rows, best]
    tokens = _TOKENS[best] + _PER[best] * _quantities(columns)[rows, _OF[best]]
    location = np.log(np.maximum(_LEAST, tokens))
    location += (marks[:, _MOVE_AT] * _MOVES[best]).sum(axis=1)
    location += np.where(_WORDED[best], _script_logs(scripts), 0.0)
    location[trust == 0] = np.nan
    spread = np.where(trust > 0, _SPREAD[best], np.nan)
    return Prior(location, spread, trust, best, trust / _TRUST[best])


def _marks(columns: Array, scripts: Array) -> Array:
    """The strengths of the forms, and 0 or 1 for what else a line may ask for, n x _MARKS."""
    marks = np.empty((len(columns), len(_MARKS)))
    marks[:, : len(FORMS)] = columns[:, _FORM_AT]
    marks[:, _JSON] = np.maximum(marks[:, _JSON], columns[:, _JSON_FIELD] > 0)
    marks[:, len(FORMS) : -2] = columns[:, _PRESENT_AT] > 0
    marks[:, -2] = columns[:, _ITEMS] >= _TWO_ITEMS
    accented = scripts[:, _ACCENTED_AT] > _ACCENTED
    marks[:, -1] = accented | (scripts @ _OTHER_SCRIPTS > _FOREIGN)
    return marks


def _quantities(columns: Array) -> Array:
    """What lines multiply, n x _QUANTITIES: tokens, items, fields, or nothing."""
    out = np.zeros((len(columns), len(_QUANTITIES)))
    sizes = out[:, : len(_SIZES)]
    sizes[:] = columns[:, _SIZE_AT]
    sizes[np.isnan(sizes)] = 0.0
    sizes[:, :-1] = np.expm1(sizes[:, :-1])
    sizes[:, _PREVIOUS] /= _CHARS_PER_TOKEN
    out[:, len(_SIZES)] = sizes[:, 0] ** _GIST
    return out


def _script_logs(scripts: Array) -> Array:
    """What the scripts of n texts add to the log length of an answer in tokens of English."""
    accented = scripts[:, _ACCENTED_AT] > _ACCENTED
    return np.asarray(scripts @ _SCRIPT_LOGS + accented * log(ACCENTED_FACTOR))
