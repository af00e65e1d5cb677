"""The words of stated lengths as one table: what each word or phrase may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from predictor.features import length_context as context
from predictor.features import length_words as words
from predictor.features.number_words import AND, ARTICLES, MULTIPLIERS, SINO_KOREAN, VALUES
from predictor.features.tokens import tokenise


class Kind:
    """Bits of what a word may be; plain integers, since ``enum.Flag`` is slow."""

    VALUE = 1 << 0
    ARTICLE = 1 << 1
    MULTIPLIER = 1 << 2
    SINO = 1 << 3
    AND = 1 << 4
    WORD_UNIT = 1 << 5
    LOOSE_UNIT = 1 << 6
    MINUTE = 1 << 7
    SPEECH = 1 << 8
    FIXED = 1 << 9
    ITEM = 1 << 10
    COUNTER = 1 << 11
    LISTING = 1 << 12
    WRITING = 1 << 13
    COUNTING = 1 << 14
    TARGET = 1 << 15
    WEAK = 1 << 16
    UPPER = 1 << 17
    LOWER = 1 << 18
    EACH = 1 << 19
    RANGE = 1 << 20
    FOREIGN = 1 << 21
    COUNT = 1 << 22
    STOP = 1 << 23
    COMMA = 1 << 24
    PRICE = 1 << 25
    LABEL = 1 << 26
    NUMBER = 1 << 27
    FORM = 1 << 28


class Tie:
    """Bits, beside those of ``Kind``, of words that tie a length to something or to the answer."""

    MAKING = 1 << 29
    READING = 1 << 30
    GIVEN = 1 << 31
    ABOUT = 1 << 32
    DOCUMENT = 1 << 33
    OF = 1 << 34
    INTO = 1 << 35
    ASKING = 1 << 36
    DENYING = 1 << 37
    ANSWERING = 1 << 38
    BEYOND = 1 << 39


UNIT = Kind.WORD_UNIT | Kind.LOOSE_UNIT
BOUND = Kind.UPPER | Kind.LOWER
NUMERAL = Kind.VALUE | Kind.ARTICLE | Kind.MULTIPLIER | Kind.SINO


@dataclass(slots=True)
class Mark:
    """A word or phrase: its ``kind``, and its ``value`` where it is a number.

    ``unit`` is the tokens of one unit. ``eastern``: the word is of a language whose verbs and
    bounds follow the number; ``alone``: it is a character of a script without spaces. ``digits``:
    a number in digits.
    """

    kind: int
    value: float = 0.0
    unit: float = 0.0
    eastern: bool = False
    alone: bool = False
    digits: bool = False


@dataclass(slots=True)
class Entry:
    """What a word or phrase may be: its ``kind``, its value as a ``numeral``, and its ``unit``.

    ``longest``: the words of the longest phrase that begins with this word.
    """

    kind: int = 0
    numeral: float = 0.0
    unit: float = 0.0
    longest: int = field(default=1)


def _key(phrase: str) -> tuple[bytes, int]:
    read = tokenise([phrase])
    parts = [bytes(read.data[a:b]) for a, b in zip(read.starts, read.ends, strict=True)]
    return b" ".join(parts), len(parts)


_LISTS: tuple[tuple[int, str], ...] = (
    (Kind.AND, AND),
    (Kind.MINUTE, words.MINUTES),
    (Kind.SPEECH, words.SPEECHES),
    (Kind.ITEM, words.ITEMS + "|" + "|".join(w + "s" for w in words.ITEMS.split("|")[:44])),
    (Kind.COUNTER, words.COUNTERS),
    (Kind.LISTING, words.LISTING),
    (Kind.WRITING, words.WRITING),
    (Kind.COUNTING, words.COUNTING),
    (Kind.TARGET, words.TARGETS),
    (Kind.WEAK, words.WEAK_TARGETS),
    (Kind.UPPER, words.UPPER),
    (Kind.LOWER, words.LOWER),
    (Kind.EACH, words.EACH),
    (Kind.RANGE, words.RANGES),
    (Kind.FOREIGN, words.FOREIGN),
    (Kind.STOP, ".|;|?|!|\n"),
    (Kind.COMMA, ",|:|(|)"),
    (Kind.LABEL, words.LABELS),
    (Kind.PRICE, "$|%|元|円|원|euro|euros|dollars|usd|percent"),
)
_UNIT_LISTS: tuple[tuple[int, Mapping[float, str]], ...] = (
    (Kind.WORD_UNIT, words.WORD_UNITS),
    (Kind.LOOSE_UNIT, words.CHARACTER_UNITS),
    (Kind.WORD_UNIT, words.SENTENCE_UNITS),
    (Kind.WORD_UNIT, words.PARAGRAPH_UNITS),
    (Kind.LOOSE_UNIT, words.LOOSE_UNITS),
    (Kind.FIXED, words.FIXED),
    (Kind.COUNT, words.COUNTS),
)
_NUMERALS: tuple[tuple[int, Mapping[str, int]], ...] = (
    (Kind.VALUE, VALUES),
    (Kind.ARTICLE, dict.fromkeys(ARTICLES.split("|"), 1)),
    (Kind.SINO, SINO_KOREAN),
    (Kind.MULTIPLIER, MULTIPLIERS),
)


_TIES: tuple[tuple[int, str], ...] = (
    (Tie.MAKING, context.MAKING),
    (Tie.READING, context.READING),
    (Tie.GIVEN, context.GIVEN),
    (Tie.ABOUT, context.ABOUT),
    (Tie.DOCUMENT, context.DOCUMENTS),
    (Tie.OF, context.OF),
    (Tie.INTO, context.INTO),
    (Tie.ASKING, context.ASKING),
    (Tie.DENYING, context.DENIALS),
    (Tie.ANSWERING, context.ANSWERING),
    (Tie.BEYOND, context.BEYOND),
)

_Phrase = tuple[str, int, float, float]
"""A phrase, its kind, its value as a number, and its tokens as a unit."""


def _phrases() -> Iterable[_Phrase]:
    """All words that training read."""
    for kind, listed in _LISTS:
        yield from ((phrase, kind, 0.0, 0.0) for phrase in listed.split("|"))
    for kind, units in _UNIT_LISTS:
        for unit, listed in units.items():
            yield from ((phrase, kind, 0.0, unit) for phrase in listed.split("|"))
    for kind, numerals in _NUMERALS:
        yield from ((word, kind, float(value), 0.0) for word, value in numerals.items())


def _later_phrases() -> Iterable[_Phrase]:
    """The words of ``length_context``."""
    for value, listed in context.MILLIONS.items():
        yield from ((word, Kind.MULTIPLIER, float(value), 0.0) for word in listed.split("|"))
    for kind, listed in _TIES:
        yield from ((phrase, kind, 0.0, 0.0) for phrase in listed.split("|"))


def _enter(table: dict[bytes, Entry], phrases: Iterable[_Phrase]) -> None:
    """Add phrases to the table, in place."""
    for phrase, kind, numeral, unit in phrases:
        key, length = _key(phrase)
        entry = table.setdefault(key, Entry())
        entry.kind |= kind
        entry.numeral, entry.unit = entry.numeral or numeral, entry.unit or unit
        first = table.setdefault(key.split(b" ")[0], Entry())
        first.longest = max(first.longest, length)


def _rows(table: dict[bytes, Entry]) -> list[list[object]]:
    return [[key.decode(), it.kind, it.numeral, it.unit] for key, it in table.items()]


TABLE: dict[bytes, Entry] = {}
"""Entries by phrase: the UTF-8 tokens of the phrase with spaces between."""
_enter(TABLE, _phrases())
_TRAINED = _rows(TABLE)
_enter(TABLE, _later_phrases())

_EASTERN, _ALONE = 0xE0, 0xE3  # first bytes: from Devanagari on, from kana on


def mark_of(word: bytes, kind: int = 0, value: float = 0.0, unit: float = 0.0) -> Mark:
    """The mark of a word or phrase that begins with ``word``."""
    return Mark(kind, value, unit, word[0] >= _EASTERN, word[0] >= _ALONE)


MARKS = {key: mark_of(key, it.kind, it.numeral, it.unit) for key, it in TABLE.items() if it.kind}
"""Marks by phrase, shared by all texts."""


def contents() -> list[list[object]]:
    """All words that training read with what they may be, in the order of the words."""
    return sorted(_TRAINED, key=str)
