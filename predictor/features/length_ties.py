"""Lengths that are not the answer's: sizes of inputs, in questions about lengths, and denied."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.features.length_table import BOUND, Kind, Mark, Tie

_SENTENCE = 12  # marks of a sentence that are read beside a length
_DENIED, _ANSWERED, _INTO = 4, 5, 3  # marks between a word and the length that it rules
_OPENED = 9  # marks between the first word of a question and a length, of those that are read
_PAGE = 600.0  # tokens of a page
_BREAK = Kind.STOP | Kind.COMMA
_RULING = Tie.READING | Tie.ABOUT | Tie.GIVEN | Tie.ASKING | Tie.DENYING
_TIES = Tie.MAKING | Tie.READING | Tie.ABOUT


def ruled_bound(marks: Sequence[Mark], start: int, unit: int) -> int | None:
    """The bound that the sentence forces on the length from ``start`` to its ``unit``.

    0: the length is not the answer's; UPPER: a denied lower bound ("do not write more than ...");
    None: the sentence forces nothing.
    """
    seen = 0
    for mark in marks[max(0, start - _SENTENCE) : unit + 1 + _SENTENCE]:
        seen |= mark.kind
    if not seen & _RULING:  # most lengths; this saves the other looks at the sentence
        return None
    before = _sentence(marks, start)
    denied = _denied_bound(marks, before, unit)
    if denied is not None:
        return denied
    sized = _is_sized_text(marks, before, unit)
    into = _is_into(marks, before, unit)
    asking = 0 < len(before) <= _OPENED and before[-1].kind & Tie.ASKING
    if asking and (sized or not (into or _is_limited(before))):
        return 0
    if into or not (sized or marks[unit].unit == _PAGE):
        return None
    given = _is_given(marks, before, unit) if sized else _is_given_size(marks, before, unit)
    return 0 if given else None


def is_form(marks: Sequence[Mark], start: int, unit: int) -> bool:
    """Whether one unit is the form of the whole answer: "but answer in exactly one sentence"."""
    if marks[start].value != 1 or not marks[unit].kind & Kind.WORD_UNIT:
        return False
    beside = [*_sentence(marks, start)[:_ANSWERED], *_behind(marks, unit)[:_ANSWERED]]
    near = [*_sentence(marks, start)[:_INTO], *_behind(marks, unit)[:1]]
    answered = any(mark.kind & Tie.ANSWERING for mark in beside)
    return answered and any(mark.kind & Tie.INTO for mark in near)


def _sentence(marks: Sequence[Mark], start: int) -> list[Mark]:
    """The marks of the sentence before ``start``, nearest first."""
    found: list[Mark] = []
    for mark in reversed(marks[max(0, start - _SENTENCE) : start]):
        if mark.kind & Kind.STOP:
            break
        found.append(mark)
    return found


def _behind(marks: Sequence[Mark], unit: int) -> list[Mark]:
    """The marks of the sentence behind the ``unit``, if its verbs and bounds follow the number."""
    found: list[Mark] = []
    for mark in marks[unit + 1 : unit + 1 + _SENTENCE] if marks[unit].eastern else ():
        if mark.kind & Kind.STOP:
            break
        found.append(mark)
    return found


def _denied_bound(marks: Sequence[Mark], before: Sequence[Mark], unit: int) -> int | None:
    """As ``ruled_bound`` for a length behind a denial; None for no denial."""
    bound = 0
    for mark in before[:_DENIED]:
        if mark.kind & _BREAK or mark.kind & Kind.UPPER:
            return None
        if mark.kind & Tie.DENYING:
            return Kind.UPPER if bound else 0
        bound |= mark.kind & (BOUND | Tie.BEYOND)
    return 0 if any(mark.kind & Tie.DENYING for mark in _behind(marks, unit)[:2]) else None


def _is_sized_text(marks: Sequence[Mark], before: Sequence[Mark], unit: int) -> bool:
    """Whether the length is the size of a named text: "300-page book", "livre de 300 pages"."""
    after = marks[unit + 1 : unit + 3]
    skipped = bool(after) and bool(after[0].kind & Tie.OF)
    if any(mark.kind & Tie.DOCUMENT for mark in after[skipped : skipped + 1]):
        return True
    joined = bool(before) and bool(before[0].kind & Tie.OF)
    return joined and any(mark.kind & Tie.DOCUMENT for mark in before[1:2])


def _is_into(marks: Sequence[Mark], before: Sequence[Mark], unit: int) -> bool:
    """Whether a word right beside the length makes it the answer's: "in two pages"."""
    for mark in before[:_INTO]:
        if mark.kind & Tie.INTO:
            return not any(
                other.kind & Tie.DOCUMENT and mark.kind & Tie.OF for other in before[1:2]
            )
        if not mark.kind & (Kind.ARTICLE | Kind.TARGET | BOUND):
            break
    return any(mark.kind & Tie.INTO for mark in _behind(marks, unit)[:1])


def _is_limited(before: Sequence[Mark]) -> bool:
    return any(mark.kind & BOUND for mark in before[:2])


def _is_given(marks: Sequence[Mark], before: Sequence[Mark], unit: int) -> bool:
    """Whether the sentence names the sized text as one that is there already.

    The word nearest to the length decides: "write" makes it the answer's, "read" and "a title for"
    the input's. The text that has the size is no text about it: "a summary of two pages".
    """
    own = 2 if before and before[0].kind & Tie.OF else 0
    for mark in [*before[own:], *_behind(marks, unit)]:
        if mark.kind & _TIES:
            return not mark.kind & Tie.MAKING
    return any(mark.kind & Tie.GIVEN for mark in before)


def _is_given_size(marks: Sequence[Mark], before: Sequence[Mark], unit: int) -> bool:
    """As ``_is_given`` for pages of no named text: "it is 300 pages long", but "tea, 3 pages"."""
    comma = next((at for at, mark in enumerate(before) if mark.kind & Kind.COMMA), len(before))
    clause = before[:comma]
    if any(mark.kind & _TIES for mark in clause):
        return _is_given(marks, clause, unit)
    return any(mark.kind & Tie.GIVEN for mark in clause[:2])
