"""The form of answer that a request demands: "one word", "JSON only", "translate", "an essay".

Demands stand at the beginning or the end of a message. What stands in the middle of a long one is
mostly a quoted text, so it is not read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.features.demand_words import FORMS, GROUPS, PIECES, TABLE
from predictor.features.phrase_table import Masks
from predictor.features.tokens import Tokens

NAMES = tuple(f"asks {form}" for form in FORMS)

_ENDS = 400  # bytes at the beginning and at the end of a message that are read
_BESIDE, _NEAR, _FAR = 26, 34, 90  # bytes between two phrases that belong together
_SHORT = (("continue", 60), ("greeting", 44), ("fact", 180))
"""The most bytes of a message of which a form counts."""
_TITLED = 120  # bytes of a message that may name the piece alone: "haiku about rain"
_ALONE = 0.5  # strength of a piece without a word for writing

_bits, _one = TABLE.bits, np.uint64(1)
_ALL, _PIECES = _bits(*GROUPS), _bits(*PIECES)
_ONLY, _ANSWER, _BARE, _CREATE = map(_bits, ("only", "answer", "bare", "create"))
_OPTIONS, _CHOICE = _bits("option_b", "option_c"), _bits("choice")
_NEGATIONS = _bits("not"), _bits("not2")
_NEVER_NEGATED = _bits("not", "not2", "bare", "answer")
_NOUNS = tuple(
    (_bits(f"n_{form.removesuffix('_only')}"), _bits(form))
    for form in ("number", "label", "letter", "code_only")
)
_TASKS = _bits(*PIECES, "translate", "summarise", "rewrite", "explain", "list", "maths", "fix")
_SHIFTS = np.arange(len(FORMS), dtype=np.uint64)  # the forms are the first groups

_PART = ("explain", "opinion", "fix", "list", "detail", "maths", "plan")
_NO_PART = ("continue", "greeting", "fact", "choice", *PIECES)
_OF_SYSTEM = np.array([0.0 if form in _NO_PART else 0.3 if form in _PART else 1 for form in FORMS])
"""A system message rules the form of all answers, but describes more than the next task."""


@dataclass(frozen=True, slots=True)
class _Hits:
    """Phrases in the order of the batch: groups, text, and first byte of each."""

    masks: Masks
    text: Indices
    start: Indices

    def where(self, flags: Flags) -> _Hits:
        return _Hits(self.masks[flags], self.text[flags], self.start[flags])

    def beside(self, others: _Hits, reach: int) -> Flags:
        """Whether one of ``others`` starts within ``reach`` bytes of each phrase, in its text."""
        if not len(others.start):
            return np.zeros(len(self.start), dtype=bool)
        after = np.searchsorted(others.start, self.start)
        near = np.clip(np.stack([after - 1, after]), 0, len(others.start) - 1)
        close = np.abs(others.start[near] - self.start) <= reach
        return np.asarray((close & (others.text[near] == self.text)).any(axis=0))

    def per_text(self, count: int) -> Masks:
        """All groups of each of the ``count`` texts."""
        found = np.zeros(count, dtype=np.uint64)
        np.bitwise_or.at(found, self.text, self.masks)
        return found


def demands(tokens: Tokens) -> Array:
    """The strengths (0 to 1) of the demands NAMES in n messages of a user, n x len(NAMES)."""
    hits = _read(tokens)
    size = tokens.last - tokens.first
    found = hits.per_text(len(tokens))
    create = hits.where((hits.masks & _CREATE) > 0)
    written = hits.where(hits.beside(create, _FAR)).per_text(len(tokens)) & _PIECES
    named = np.where(size <= _TITLED, found & _PIECES & ~written, np.uint64(0))
    found = (found & ~(_PIECES | _ONLY)) | written | _only(hits, len(tokens))
    found |= np.where((found & _OPTIONS) == _OPTIONS, _CHOICE, np.uint64(0))
    return _columns(_shortened(found, size)) + _ALONE * _columns(named)


def system_demands(tokens: Tokens) -> Array:
    """As ``demands``, for n system messages."""
    return np.asarray(demands(tokens) * _OF_SYSTEM)


def _columns(masks: Masks) -> Array:
    return np.asarray((masks[:, None] >> _SHIFTS) & _one, dtype=np.float64)


def _read(tokens: Tokens) -> _Hits:
    """The phrases near the ends of the texts; a negated phrase does not count."""
    first, last = tokens.first[tokens.text], tokens.last[tokens.text]
    outer = (tokens.starts - first < _ENDS) | (last - tokens.starts <= _ENDS)
    masks = TABLE.find(tokens, np.flatnonzero(outer))
    at = np.flatnonzero(masks)
    text, kept = tokens.text[at], masks[at]
    for back, bits in enumerate(_NEGATIONS, start=1):
        before = np.maximum(0, at - back)
        negated = ((masks[before] & bits) > 0) & (tokens.text[before] == text) & (at >= back)
        kept[negated] &= _NEVER_NEGATED
    return _Hits(kept, text, tokens.starts[at])


def _only(hits: _Hits, count: int) -> Masks:
    """Of each text, whether nothing but the answer is demanded, and the form named beside that."""
    answer = hits.where((hits.masks & _ANSWER) > 0)
    only = ((hits.masks & _ONLY) > 0) & hits.beside(answer, _BESIDE)
    demanded = hits.where(only | ((hits.masks & _BARE) > 0))
    found = np.zeros(count, dtype=np.uint64)
    found[demanded.text] = _ONLY
    nouns = hits.where(hits.beside(demanded, _NEAR)).per_text(count)
    for noun, form in _NOUNS:
        found |= np.where((nouns & noun) > 0, form, np.uint64(0))
    return found


def _shortened(found: Masks, size: Indices) -> Masks:
    """Without the forms of short messages where a message is long or asks for more."""
    for form, most in _SHORT:
        found = np.where(size > most, found & ~_bits(form), found)
    found = np.where((found & _TASKS) > 0, found & ~_bits("greeting"), found)
    return np.asarray(np.where((found & _PIECES) > 0, found & ~_bits("fact"), found))
