"""The stated prior of an answer: the line of ``prior_table`` that holds for the request."""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, isnan, log, nan, pow

import numpy as np

from predictor.arrays import Array, Indices
from predictor.features.asked_length import MOST
from predictor.features.characters import SCRIPTS
from predictor.features.definition import CONTEXT_NAMES, LEXICAL_NAMES
from predictor.features.demand_words import FORMS, PIECES
from predictor.features.prior_factors import ACCENTED_FACTOR, BRIEF_PIECE, MOVES, SCRIPT_FACTORS
from predictor.features.prior_table import LINES, Line

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
_MARKS = (*FORMS, *_PRESENT, "items", "foreign", "huge")
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


def _at(*names: str) -> list[int]:
    return [_COLUMNS.index(name) for name in names]


_READ = np.array(
    [
        *_at(*(f"asks {form}" for form in FORMS), *_PRESENT.values(), "asked_items", "json"),
        *_at(*(f"script {name}" for name in SCRIPTS), *_SIZES.values()),
    ]
)
"""The columns that are read: those of the marks up to the items, the field JSON, and sizes."""
_ITEMS, _FOREIGN_TEXT, _HUGE = map(_MARKS.index, ("items", "foreign", "huge"))
_JSON, _LIMIT, _LOW = map(_MARKS.index, ("json", "limit", "low"))
_JSON_FIELD, _SCRIPTS = 1, slice(2, 2 + len(SCRIPTS))
_MOST_LOG = log(1 + MOST) - 1e-9  # of ``asked_limit``: as much as can be asked, or more
_TWO_ITEMS = log(3) - 1e-9  # of ``asked_items``: two or more
_ACCENTED_AT = _SCRIPTS.start + SCRIPTS.index("accented")
_SIZE_AT = {of: at for at, of in enumerate(_SIZES, _SCRIPTS.stop)}
_SCRIPT_LOGS = [log(SCRIPT_FACTORS.get(name, 1.0)) for name in SCRIPTS]


def _candidates(mark: str) -> tuple[tuple[int, int, int], ...]:
    """The lines whose first form is ``mark``: index, other form, and bits of what bars the line."""
    return tuple(
        (at, _MARKS.index(line.forms[-1]), sum(1 << _MARKS.index(bar) for bar in line.unless))
        for at, line in enumerate(LINES)
        if line.forms[0] == mark
    )


_CANDIDATES = tuple(map(_candidates, _MARKS))


def _moves(line: Line) -> tuple[tuple[int, float], ...]:
    """The forms that move the length of a line, and what each adds to its logarithm."""
    if line.fixed:
        return ()
    piece = bool(set(line.forms) & set(PIECES))
    factors = MOVES | ({"brief": BRIEF_PIECE} if piece else {})
    moving = [form for form in factors if form not in line.forms]
    return tuple((_MARKS.index(form), log(factors[form])) for form in moving)


_MOVES = tuple(map(_moves, LINES))


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
    each = stated_priors(np.concatenate([lexical, context], axis=1))
    location, spread, trust, line, strength = np.array(each, dtype=np.float64).reshape(-1, 5).T
    return Prior(location, spread, trust, line.astype(np.intp), strength)


Stated = tuple[float, float, float, int, float]
"""The fields of ``Prior`` for one request."""


def stated_priors(features: Array) -> list[Stated]:
    """The prior of each of n requests from its features, lexical and context (n x d)."""
    read = features.take(_READ, axis=1)
    held, others = (read[:, :_ITEMS] > 0).tobytes(), read[:, _ITEMS:].tolist()
    marks = [_marks(held, read, row) for row in range(len(read))]
    return list(map(_prior, marks, others))


def _marks(held: bytes, read: Array, row: int) -> dict[int, float]:
    """The marks up to the items that hold: the strengths of the forms, and 1 for _PRESENT.

    ``held`` has a byte for each of these marks of all rows: whether it holds.
    """
    marks: dict[int, float] = {}
    start, end = row * _ITEMS, (row + 1) * _ITEMS
    at = held.find(1, start, end)
    while at >= 0:
        mark = at - start
        marks[mark] = read.item(row, mark) if mark < len(FORMS) else 1.0
        at = held.find(1, at + 1, end)
    return marks


def _prior(marks: dict[int, float], row: list[float]) -> Stated:
    """The prior of one request; ``row`` are the columns _READ from the items on."""
    _add_marks(marks, row)
    trust, at = _most_trusted(marks)
    if not trust:
        return nan, nan, 0.0, 0, 0.0
    line = LINES[at]
    tokens = line.tokens + (line.per * _quantity(line.of, row) if line.of else 0.0)
    location = log(max(_LEAST, tokens))
    location += sum(marks[form] * move for form, move in _MOVES[at] if form in marks)
    location += 0.0 if line.of else _script_log(row)
    return location, line.spread, trust, at, trust / line.trust


def _add_marks(marks: dict[int, float], row: list[float]) -> None:
    """Add, in place, the marks of items, texts that are not English, JSON and huge lengths."""
    if row[0] >= _TWO_ITEMS:
        marks[_ITEMS] = 1.0
    if row[_JSON_FIELD] > 0:
        marks[_JSON] = 1.0
    others = sum(row[_SCRIPTS]) - row[_ACCENTED_AT]
    if row[_ACCENTED_AT] > _ACCENTED or others > _FOREIGN:
        marks[_FOREIGN_TEXT] = 1.0
    if (_LIMIT in marks and row[_SIZE_AT["limit"]] >= _MOST_LOG) or (
        _LOW in marks and row[_SIZE_AT["low"]] >= _MOST_LOG
    ):
        marks[_HUGE] = 1.0


def _most_trusted(marks: dict[int, float]) -> tuple[float, int]:
    """Trust and index of the most trusted line, the first of equals; a trust of 0 for none."""
    sure = 0
    for mark, strength in marks.items():
        sure |= (strength >= 1) << mark
    best, first = 0.0, len(LINES)
    for mark, strength in marks.items():
        for line, other, barred in _CANDIDATES[mark]:
            if other in marks and not barred & sure:
                trust = LINES[line].trust * min(strength, marks[other])
                if trust > best or (trust == best and line < first):
                    best, first = trust, line
    return best, first


def _quantity(of: str, row: list[float]) -> float:
    """What a line multiplies: tokens, items or fields of the request; 0 where it has none."""
    size = row[_SIZE_AT["input" if of == "gist" else of]]
    if isnan(size) or of == "fields":
        return 0.0 if isnan(size) else size
    number = expm1(size)
    if of == "gist":
        return pow(number, _GIST)
    return number / _CHARS_PER_TOKEN if of == "previous" else number


def _script_log(row: list[float]) -> float:
    """What the scripts of a text add to the log length of an answer in tokens of English."""
    accented = log(ACCENTED_FACTOR) if row[_ACCENTED_AT] > _ACCENTED else 0.0
    shares = zip(row[_SCRIPTS], _SCRIPT_LOGS, strict=True)
    return sum(share * more for share, more in shares) + accented
