"""The form of answer that a request demands: "one word", "JSON only", "translate", "an essay".

Demands stand at the beginning or the end of a message. What stands in the middle of a long one is
mostly a quoted text, so it is not read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import reduce
from operator import or_

import numpy as np

from predictor.arrays import Array
from predictor.features.demand_words import FORMS, GROUPS, PIECES, TABLE
from predictor.features.tokens import Tokens

NAMES = tuple(f"asks {form}" for form in FORMS)

_ENDS = 400  # bytes at the beginning and at the end of a message that are read
_BESIDE, _NEAR, _FAR = 26, 34, 90  # bytes between two phrases that belong together
_LAST, _NAMED = 16, 14  # bytes of the last word of a text, and between it and what it limits
_BRIEF = 250  # bytes of a message in which a demand needs no word for answering beside it
_TITLED = 120  # bytes of a message that may name the piece alone: "haiku about rain"
_ALONE = 0.5  # strength of a piece without a word for writing


_bits = TABLE.bits
_ALL, _PIECES = _bits(*GROUPS), _bits(*PIECES)
_ONLY, _ANSWER, _BARE, _CREATE = (
    _bits("only"),
    _bits("answer"),
    _bits("bare", "bare_noun"),
    _bits("create"),
)
_ONLY_WHEN = _bits("only_when")
_OPTIONS, _CHOICE = _bits("option_b", "option_c"), _bits("choice")
_NOT, _NOT_OF_TWO, _NEGATIONS = _bits("not"), _bits("not2"), _bits("not", "not2")
_NEVER_NEGATED = _bits("not", "not2", "bare", "answer")
_NOUNS = tuple(
    (_bits(f"n_{form.removesuffix('_only')}"), _bits(form))
    for form in ("number", "label", "letter", "code_only")
)
_ANY_NOUN, _JSON = _bits("n_number", "n_label", "n_letter", "n_code"), _bits("json")
_TEXT_NOUN, _TEXT_ONLY = _bits("n_text"), _bits("text_only")
_YES_NO, _GREETING, _FACT = map(_bits, ("yes_no", "greeting", "fact"))
_STRICT = _YES_NO | _bits("one_word", "letter", "number", "label", "one_sentence")
_ASKING = _bits(
    "answer", "only", "bare", "bare_noun", "summarise", "explain", "translate", "classify"
)
_SHORT = (
    (_bits("continue"), 60, 0),
    (_GREETING, 44, 0),
    (_FACT, 180, _bits("context")),
)
"""The most bytes of a message of which a form counts, but with some other form in any."""
_TASKS = _bits(*PIECES, "translate", "summarise", "rewrite", "explain", "list", "maths", "fix")
_OF_FORMS = (1 << len(FORMS)) - 1  # the forms are the first groups

_PART = ("explain", "opinion", "fix", "list", "detail", "maths", "plan")
_NO_PART = ("continue", "greeting", "fact", "choice", *PIECES)
_OF_SYSTEM = np.array([0.0 if form in _NO_PART else 0.3 if form in _PART else 1 for form in FORMS])
"""A system message rules the form of all answers, but describes more than the next task."""


_Hits = list[tuple[int, int]]
"""The phrases of one text in order: first byte, counted from the text's start, and groups."""


def demands(tokens: Tokens) -> Array:
    """The strengths (0 to 1) of the demands NAMES in n messages of a user, n x len(NAMES)."""
    sizes = (tokens.last - tokens.first).tolist()
    out = np.zeros((len(tokens), len(NAMES)))
    for row, (hits, size) in enumerate(zip(_read(tokens), sizes, strict=True)):
        for forms, strength in zip(_demanded(hits, size), (1.0, _ALONE), strict=True):
            left = forms & _OF_FORMS
            while left:
                form = left.bit_length() - 1
                out[row, form] += strength
                left ^= 1 << form
    return out


def system_demands(tokens: Tokens) -> Array:
    """As ``demands``, for n system messages."""
    return np.asarray(demands(tokens) * _OF_SYSTEM)


def _read(tokens: Tokens) -> list[_Hits]:
    """The phrases near the ends of each text; a negated phrase does not count."""
    masks = TABLE.find(tokens, tokens.near_ends(_ENDS - 1, _ENDS).nonzero()[0])
    _negate(masks, tokens)
    found, at = sorted(masks), 0
    hits: list[_Hits] = []
    for first, end in zip(tokens.first.tolist(), tokens.offsets[1:].tolist(), strict=True):
        own: _Hits = []
        while at < len(found) and found[at] < end:
            own.append((tokens.starts.item(found[at]) - first, masks[found[at]]))
            at += 1
        hits.append(own)
    return hits


def _negate(masks: dict[int, int], tokens: Tokens) -> None:
    """Take from the phrases behind a negation, in place, the groups that it denies."""
    for token in [token for token, groups in masks.items() if groups & _NEGATIONS]:
        for bits, ahead in ((_NOT, token + 1), (_NOT_OF_TWO, token + 2)):
            if (
                masks[token] & bits
                and ahead in masks
                and tokens.text.item(ahead) == tokens.text.item(token)
            ):
                masks[ahead] &= _NEVER_NEGATED


def _demanded(hits: _Hits, size: int) -> tuple[int, int]:
    """The forms that a text of ``size`` bytes demands, and those that it may demand."""
    if not hits:
        return 0, 0
    found = _union(hits)
    sure = _only(hits, size) if found & (_BARE | _ONLY) else 0
    if found & _PIECES and found & _CREATE:
        sure |= _beside(hits, _PIECES, _starts(hits, _CREATE), _FAR) & (_PIECES | _STRICT)
    if found & _STRICT and found & _ASKING:
        sure |= _beside(hits, _STRICT, _starts(hits, _ASKING), _FAR) & (_PIECES | _STRICT)
    sure |= found & _STRICT & ~_YES_NO if size <= _BRIEF else 0
    weak = (found & _YES_NO if size <= _BRIEF else 0) | (found & _PIECES if size <= _TITLED else 0)
    found = sure | (found & ~(_PIECES | _STRICT | _ONLY))
    found |= _CHOICE if found & _OPTIONS == _OPTIONS else 0
    return _shortened(found, size), weak & ~sure


def _union(hits: _Hits) -> int:
    found = 0
    for _, groups in hits:
        found |= groups
    return found


def _starts(hits: _Hits, bits: int) -> list[int]:
    """The first bytes of the phrases of the groups ``bits``."""
    return [start for start, groups in hits if groups & bits]


def _beside(hits: _Hits, bits: int, others: Sequence[int], reach: int) -> int:
    """All groups of the phrases of the groups ``bits`` within ``reach`` bytes of ``others``."""
    return _union([hit for hit in hits if hit[1] & bits and _is_near(others, hit[0], reach)])


def _is_near(others: Sequence[int], start: int, reach: int) -> bool:
    at = bisect_left(others, start - reach)
    return at < len(others) and others[at] <= start + reach


def _follows(others: Sequence[int], start: int) -> bool:
    """Whether one of ``others`` stands within _NEAR bytes before ``start``: "only the text of"."""
    at = bisect_left(others, start - _NEAR)
    return at < len(others) and others[at] < start


def _only(hits: _Hits, size: int) -> int:
    """Whether nothing but the answer is demanded, and the form that is named beside that.

    The last words of a text of ``size`` bytes need no word for answering: "number only".
    """
    answers, named = _starts(hits, _ANSWER), _starts(hits, _ANY_NOUN | _JSON)
    demanded = [
        start
        for start, groups in hits
        if groups & _BARE
        or (
            groups & _ONLY
            and not groups & _ONLY_WHEN
            and (
                _is_near(answers, start, _BESIDE)
                or (start >= size - _LAST and _is_near(named, start, _NAMED))
            )
        )
    ]
    nouns = _beside(hits, _ANY_NOUN, demanded, _NEAR)
    forms = [form for noun, form in _NOUNS if nouns & noun]
    if not forms and any(_follows(demanded, text) for text in _starts(hits, _TEXT_NOUN)):
        forms = [_TEXT_ONLY]
    return reduce(or_, forms, _ONLY if demanded else 0)


def _shortened(found: int, size: int) -> int:
    """Without the forms of short messages where a message is long or asks for more."""
    for form, most, kept in _SHORT:
        if size > most and not found & kept:
            found &= ~form
    if found & _TASKS:
        found &= ~_GREETING
    return found & ~_FACT if found & _PIECES else found
