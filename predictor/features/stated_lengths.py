"""Stated lengths of one text: from its marks to targets, bounds and numbers of items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

from predictor.features.length_table import BOUND, UNIT, Kind, Mark
from predictor.features.length_ties import is_form, ruled_bound
from predictor.features.length_words import MINUTE

_REACH, _SENTENCE = 2, 12  # words between a number and its unit; marks between demand and number
_YEARS = 1500.0, 2100.0
_MOST_ITEMS, _MOST_COUNTED, _PERSONS = 1000.0, 5000.0, 5.0
_BREAK = Kind.STOP | Kind.COMMA
_COUNTED = UNIT | Kind.ITEM | Kind.COUNTER | Kind.MINUTE


@dataclass(slots=True)
class Stated:
    """A stated length: ``tokens``, of which ``count`` units; ``low``: the least (NaN: none).

    ``bound`` is TARGET, FORM (of the whole answer), UPPER or LOWER, or 0 for a length that may not
    be the answer's. ``each``: of each part of the answer.
    """

    tokens: float
    count: float
    bound: int
    each: bool = False
    low: float = nan


@dataclass(slots=True)
class Found:
    """The ``lengths`` that a text states, the ``items`` that it demands, its largest ``number``."""

    lengths: list[Stated]
    items: float = nan
    number: float = 0.0


class Reader:
    """Reads the lengths that the ``marks`` of a text, or of an end of it, state.

    ``brief``: the text is so short that a number in it is likely about the answer.
    """

    def __init__(self, marks: Sequence[Mark], *, brief: bool) -> None:
        self._marks = marks
        self._brief = brief

    def read(self) -> Found:
        """The lengths, items and the largest number."""
        found = Found([])
        for at, mark in enumerate(self._marks):
            if mark.kind & Kind.NUMBER and not self._is_name(at):
                found.number = max(found.number, mark.value)
                self._read_number(at, found)
            elif mark.kind & Kind.FIXED:
                found.lengths.append(self._stated(at, at, mark.unit, 1.0))
        return found

    def _is_name(self, at: int) -> bool:
        """Whether the number is a price or a share ("$5", "5 %") or names a part ("page 5")."""
        before = self._marks[at - 1].kind if at else 0
        behind = self._marks[at + 1].kind if at + 1 < len(self._marks) else 0
        return bool((before | behind) & Kind.PRICE or before & Kind.LABEL)

    def _read_number(self, at: int, found: Found) -> None:
        mark, start = self._marks[at], self._range_start(at)
        value = mark.value if start == at else (self._marks[start].value + mark.value) / 2
        unit = self._unit_of(at)
        kind = self._marks[unit].kind if unit >= 0 else 0
        if kind & UNIT:
            found.lengths.append(self._length(start, unit, value, at))
        elif kind & Kind.MINUTE:
            self._add_speech(start, unit, value, found)
        elif kind & Kind.ITEM or self._is_list(start, at, unit, value):
            found.items = max(value, found.items) if found.items == found.items else value
        elif unit < 0:
            self._read_alone(start, at, found)

    def _length(self, start: int, unit: int, value: float, at: int) -> Stated:
        tokens = self._marks[unit].unit
        stated = self._stated(start, unit, value * tokens, value)
        if start < at and stated.bound:
            stated.low = self._marks[start].value * tokens
        return stated

    def _stated(self, start: int, unit: int, tokens: float, count: float) -> Stated:
        bound, each = self._bound(start, unit), self._is_each(start, unit)
        if bound == Kind.TARGET and not each and is_form(self._marks, start, unit):
            bound = Kind.FORM
        return Stated(tokens, count, bound, each, tokens if bound == Kind.LOWER else nan)

    def _add_speech(self, start: int, unit: int, value: float, found: Found) -> None:
        beside = self._marks[max(0, start - 5) : unit + 5]
        if any(mark.kind & Kind.SPEECH for mark in beside):
            found.lengths.append(Stated(value * MINUTE, value, Kind.TARGET))

    def _read_alone(self, start: int, at: int, found: Found) -> None:
        """A number without a unit: "word count: 500", "count from 1 to 9", "one" behind a unit."""
        value, before = self._marks[at].value, self._marks[at - 1] if at else None
        if start < at and self._says(Kind.COUNTING, start, at):
            count = min(_MOST_COUNTED, value - self._marks[start].value + 1)
            found.lengths.append(Stated(3 * count, count, Kind.TARGET))  # figures and a comma
        elif before and value == 1 and before.kind & Kind.WORD_UNIT:
            found.lengths.append(self._stated(at - 1, at, before.unit, 1.0))
        else:
            for mark in self._back(start, 5, Kind.STOP):
                if mark.kind & Kind.COUNT:
                    stated = self._stated(start, at, value * mark.unit, value)
                    stated.bound = stated.bound or Kind.TARGET
                    found.lengths.append(stated)

    def _range_start(self, at: int) -> int:
        """The lower number of a range that ends at ``at``: "300 to 500"; ``at`` for no range."""
        for low in (at - 2, at - 3):
            between = self._marks[max(0, low + 1) : at]
            if low >= 0 and self._marks[low].kind & Kind.NUMBER and between:
                ranged = any(mark.kind & Kind.RANGE for mark in between)
                free = not any(mark.kind & (_BREAK | UNIT) for mark in between)
                if ranged and free and 0 < self._marks[low].value < self._marks[at].value:
                    return low
        return at

    def _unit_of(self, at: int) -> int:
        """The mark that is the unit of the number at ``at``; -1 for none."""
        words, counter = 0, -1
        for where in range(at + 1, min(at + 7, len(self._marks))):
            mark = self._marks[where]
            if mark.kind & (_COUNTED & ~Kind.COUNTER):
                return -1 if words and self._is_year(at) else where
            if mark.kind & (_BREAK | Kind.NUMBER | Kind.PRICE):
                break
            counter = where if mark.kind & Kind.COUNTER and counter < 0 else counter
            words += not (
                mark.kind & (Kind.AND | Kind.COUNTER) or (mark.alone and mark.kind & Kind.WEAK)
            )
            if words > (_REACH if not mark.alone else 0):
                break
        return counter

    def _is_year(self, at: int) -> bool:
        mark = self._marks[at]
        return mark.digits and _YEARS[0] <= mark.value <= _YEARS[1]

    def _is_list(self, start: int, at: int, unit: int, value: float) -> bool:
        """Whether a list of ``value`` things is demanded, whatever the things are."""
        if not 1 < value <= _MOST_ITEMS or self._is_year(at):
            return False
        if unit >= 0:
            return self._says(Kind.LISTING | Kind.WRITING, start, unit)
        after = self._marks[at + 1 : at + 2]
        named = bool(after) and not after[0].kind & (_BREAK | Kind.RANGE | Kind.NUMBER | BOUND)
        return named and any(mark.kind & Kind.LISTING for mark in self._back(start, 3, _BREAK))

    def _back(self, start: int, most: int, stop: int) -> Iterator[Mark]:
        """The marks before ``start``, nearest first, up to a mark of the kind ``stop``."""
        for mark in reversed(self._marks[max(0, start - most) : start]):
            if mark.kind & stop:
                return
            yield mark

    def _forth(self, end: int, most: int, stop: int) -> Iterator[Mark]:
        for mark in self._marks[end + 1 : end + 1 + most]:
            if mark.kind & stop:
                return
            yield mark

    def _bound(self, start: int, unit: int) -> int:
        """How a length binds the answer: TARGET, UPPER or LOWER, or 0."""
        ruled = ruled_bound(self._marks, start, unit)
        if ruled is not None:
            return ruled
        bound = self._bound_before(start) or self._bound_after(unit)
        if bound & BOUND:
            sure = self._brief or not self._marks[unit].kind & Kind.LOOSE_UNIT
            return bound if sure or self._is_demanded(start, unit) else 0
        if self._marks[start].kind & Kind.ARTICLE:
            return self._article_bound(bound, start, unit)
        if self._marks[unit].unit < 1 and self._marks[start].value <= _PERSONS:
            return 0  # "two characters" speak in a story
        loose = self._marks[unit].kind & Kind.LOOSE_UNIT and not self._brief
        sure = (bound and not loose) or self._is_fragment(start, unit)
        return Kind.TARGET if sure or self._is_demanded(start, unit) else 0

    def _article_bound(self, bound: int, start: int, unit: int) -> int:
        """As ``_bound`` for "a sentence", which is seldom the whole answer."""
        if self._marks[unit].kind & Kind.LOOSE_UNIT:
            return 0
        if bound and self._is_demanded(start, unit):
            return Kind.TARGET
        written = any(mark.kind & Kind.WRITING for mark in self._back(start, 2, Kind.STOP))
        return Kind.TARGET if written else 0

    def _bound_before(self, start: int) -> int:
        direct, gap = 0, 0
        for mark in self._back(start, 4, _BREAK):
            if mark.kind & BOUND:
                return mark.kind & BOUND
            if not gap and mark.kind & (Kind.TARGET | (Kind.WEAK if self._brief else 0)):
                direct = Kind.TARGET
            gap += not mark.kind & (Kind.TARGET | Kind.WEAK | Kind.ARTICLE)
            if gap > 1 or mark.kind & (Kind.NUMBER & ~Kind.ARTICLE) == Kind.NUMBER:
                break
        return direct

    def _bound_after(self, unit: int) -> int:
        for mark in self._forth(unit, 3, _BREAK | Kind.NUMBER):
            if mark.kind & BOUND:
                return mark.kind & BOUND
            if not mark.eastern:
                break
            if mark.kind & Kind.TARGET:
                return Kind.TARGET
        return 0

    def _is_demanded(self, start: int, unit: int) -> bool:
        """Whether a text is demanded beside the length, and nothing ties it to something else."""
        for mark in self._back(start, _SENTENCE, Kind.STOP):
            if mark.kind & (Kind.WRITING | Kind.LISTING):
                return True
            if mark.kind & Kind.FOREIGN:
                return False
        near = [*self._forth(unit, 3, Kind.STOP)]
        near += [mark for mark in self._forth(unit, _SENTENCE, Kind.STOP) if mark.eastern]
        return any(
            mark.kind & Kind.WRITING or (mark.eastern and mark.kind & Kind.LISTING) for mark in near
        )

    def _is_fragment(self, start: int, unit: int) -> bool:
        """Whether the length is a sentence of its own: "An essay on tea. 500 words." """
        before, after = [*self._back(start, 1, Kind.STOP)], [*self._forth(unit, 2, Kind.STOP)]
        return not before and len(after) < 2 and self._marks[start].value > 1

    def _says(self, kind: int, start: int, end: int) -> bool:
        marks = [*self._back(start, _SENTENCE, Kind.STOP), *self._forth(end, _SENTENCE, Kind.STOP)]
        return any(mark.kind & kind for mark in [*marks, *self._marks[start + 1 : end]])

    def _is_each(self, start: int, unit: int) -> bool:
        marks = [*self._back(start, 4, Kind.STOP), *self._forth(unit, 3, Kind.STOP)]
        return any(mark.kind & Kind.EACH for mark in marks)
