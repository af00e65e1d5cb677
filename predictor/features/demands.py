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
_BRIEF = 250  # bytes of a message in which a demand needs no word for answering beside it
_TITLED = 120  # bytes of a message that may name the piece alone: "haiku about rain"
_ALONE = 0.5  # strength of a piece without a word for writing

_bits, _one = TABLE.bits, np.uint64(1)
_ALL, _PIECES = _bits(*GROUPS), _bits(*PIECES)
_ONLY, _ANSWER, _BARE, _CREATE = map(_bits, ("only", "answer", "bare", "create"))
_ONLY_WHEN = _bits("only_when")
_OPTIONS, _CHOICE = _bits("option_b", "option_c"), _bits("choice")
_NEGATIONS = _bits("not"), _bits("not2")
_NEVER_NEGATED = _bits("not", "not2", "bare", "answer")
_NOUNS = tuple(
    (_bits(f"n_{form.removesuffix('_only')}"), _bits(form))
    for form in ("number", "label", "letter", "code_only")
)
_ANY_NOUN = _bits("n_number", "n_label", "n_letter", "n_code")
_YES_NO, _GREETING, _FACT = map(_bits, ("yes_no", "greeting", "fact"))
_STRICT = _YES_NO | _bits("one_word", "letter", "number", "label", "one_sentence")
_ASKING = _bits("answer", "only", "bare", "summarise", "explain", "translate", "classify")
_SHORT = (
    (_bits("continue"), 60, np.uint64(0)),
    (_GREETING, 44, np.uint64(0)),
    (_FACT, 180, _bits("context")),
)
"""The most bytes of a message of which a form counts, but with some other form in any."""
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
        """The phrases with a flag."""
        return _Hits(self.masks[flags], self.text[flags], self.start[flags])

    def of(self, bits: np.uint64) -> Flags:
        """Whether each phrase is of one of the groups ``bits``."""
        return (self.masks & bits) > 0

    def beside(self, others: np.uint64 | Flags, reach: int, bits: np.uint64) -> Flags:
        """Whether each phrase is of the groups ``bits`` and starts within ``reach`` bytes of one of
        ``others`` (groups, or flags of phrases) in its text."""
        near = self.where(others if isinstance(others, np.ndarray) else self.of(others))
        out = self.of(bits)
        these = np.flatnonzero(out)
        if not len(near.start) or not len(these):
            return np.zeros_like(out)
        after = np.searchsorted(near.start, self.start[these])
        pairs = np.clip(np.stack([after - 1, after]), 0, len(near.start) - 1)
        close = np.abs(near.start[pairs] - self.start[these]) <= reach
        out[these] = (close & (near.text[pairs] == self.text[these])).any(axis=0)
        return out

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
    certain = hits.beside(_CREATE, _FAR, _PIECES) | hits.beside(_ASKING, _FAR, _STRICT)
    sure = hits.where(certain).per_text(len(tokens)) & (_PIECES | _STRICT)
    sure |= _where(size <= _BRIEF, found & _STRICT & ~_YES_NO) | _only(hits, len(tokens))
    weak = _where(size <= _BRIEF, found & _YES_NO) | _where(size <= _TITLED, found & _PIECES)
    found = sure | (found & ~(_PIECES | _STRICT | _ONLY))
    found |= _where((found & _OPTIONS) == _OPTIONS, _CHOICE)
    return _columns(_shortened(found, size)) + _ALONE * _columns(weak & ~sure)


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


def _where(flags: Flags, masks: Masks | np.uint64) -> Masks:
    return np.where(flags, masks, np.uint64(0))


def _only(hits: _Hits, count: int) -> Masks:
    """Of each text, whether nothing but the answer is demanded, and the form named beside that."""
    only = hits.beside(_ANSWER, _BESIDE, _ONLY) & ~hits.of(_ONLY_WHEN)
    demanded = only | hits.of(_BARE)
    found = np.zeros(count, dtype=np.uint64)
    found[hits.text[demanded]] = _ONLY
    nouns = hits.where(hits.beside(demanded, _NEAR, _ANY_NOUN)).per_text(count)
    for noun, form in _NOUNS:
        found |= _where((nouns & noun) > 0, form)
    return found


def _shortened(found: Masks, size: Indices) -> Masks:
    """Without the forms of short messages where a message is long or asks for more."""
    for form, most, kept in _SHORT:
        found &= ~_where((size > most) & ((found & kept) == 0), form)
    found &= ~_where((found & _TASKS) > 0, _GREETING)
    return np.asarray(found & ~_where((found & _PIECES) > 0, _FACT))
