"""Hand-made features of a prompt's text: its shape, what it asks for, and how long an answer."""

from __future__ import annotations

import re
from math import log1p

import numpy as np
from numpy.typing import NDArray

from predictor.lexicon import (
    GROUPS,
    ITEMS,
    NUMBER_WORDS,
    OPENERS,
    PHRASES,
    UNIT_TOKENS,
    WORDS,
)

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[^\x00-\x7f]+")
_IDENTIFIER = re.compile(r"[a-z]_[a-z]")
_BULLETS = ("-", "*", "•")
_NUMBERED = re.compile(r"^\(?\d{1,2}[.)]\s", re.MULTILINE)
_OPTION = re.compile(r"^\(?[A-Ha-h][.)]\s", re.MULTILINE)

_COUNTED = "?!.,:;\"'`()[]{}<>=+-*/\\_|#$%&@^~"
_COUNTED_BYTES = np.frombuffer(_COUNTED.encode(), dtype=np.uint8)
_WORD_GROUPS: dict[str, tuple[int, ...]] = {}
for _group, _words in WORDS.items():
    for _word in _words.split():
        _WORD_GROUPS[_word] = (*_WORD_GROUPS.get(_word, ()), GROUPS.index(_group))
_PHRASE_GROUPS = [(p, GROUPS.index(group)) for group, ps in PHRASES.items() for p in ps]
_OPENER_CODE = {word: float(code) for code, word in enumerate(OPENERS)}

_UNITS = UNIT_TOKENS | {unit + "s": tokens for unit, tokens in UNIT_TOKENS.items()}
_ITEM_WORDS = {*ITEMS, *(item + "s" for item in ITEMS), "strategies", "countries", "activities"}
_REACH = 3  # words between a number and its unit: "three short funny sentences"

_SHAPE = (
    "log_chars log_words log_lines log_sentences word_len unique_words max_line first_line "
    "last_line last_paragraph blank_lines upper digits non_ascii indented bullets numbered options "
    "identifiers fences ends_question ends_colon ends_stop ends_fence starts_upper last_question "
    "opener last_opener second_opener control"
)
_ASKED = "asked_tokens asked_items asked_number system_chars system_short system_long"

NAMES: tuple[str, ...] = (
    *_SHAPE.split(),
    *(f"count {symbol}" for symbol in _COUNTED),
    *(f"group {group}" for group in GROUPS),
    *_ASKED.split(),
)


def describe(text: str, system: str = "", chars: int = 0) -> list[float]:
    """The features of one prompt, in the order of ``NAMES``.

    ``text`` and ``system`` are clipped; ``chars`` is the characters of the whole conversation.
    """
    lower = text.lower()
    words = _WORD.findall(lower)
    data = np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8)
    counts = np.bincount(data, minlength=256)
    return [
        *_shape(text, lower, words, counts, max(chars, len(text))),
        *np.log1p(counts[_COUNTED_BYTES]).tolist(),
        *_groups(lower, words),
        *_asked(words, system.lower()),
    ]


def _shape(
    text: str, lower: str, words: list[str], counts: NDArray[np.intp], chars: int
) -> list[float]:
    stripped = text.strip()
    lines = stripped.split("\n")
    sizes = [len(line) for line in lines]
    size = max(1, len(text))
    opening = [_OPENER_CODE.get(word, -1.0) for word in words[:2]] + [-2.0, -2.0]
    last = stripped.rsplit("\n\n", 1)[-1]
    return [
        log1p(chars),
        log1p(len(words)),
        log1p(len(lines)),
        log1p(lower.count(". ") + lower.count(".\n") + lower.count("? ") + lower.count("! ")),
        sum(map(len, words)) / max(1, len(words)),
        len(set(words)) / max(1, len(words)),
        log1p(max(sizes)),
        log1p(sizes[0]),
        log1p(sizes[-1]),
        log1p(len(last)),
        log1p(sizes.count(0)),
        float(counts[65:91].sum()) / size,
        float(counts[48:58].sum()) / size,
        float(counts[128:].sum()) / size,
        sum(line[:1] in (" ", "\t") for line in lines) / len(lines),
        log1p(sum(line.lstrip()[:1] in _BULLETS for line in lines)),
        log1p(len(_NUMBERED.findall(text))),
        log1p(len(_OPTION.findall(text))),
        log1p(len(_IDENTIFIER.findall(lower))),
        log1p(lower.count("```") + lower.count("<code>")),
        float(stripped.endswith("?")),
        float(stripped.endswith(":")),
        float(stripped.endswith(".")),
        float(stripped.endswith(("```", "<code>"))),
        float(stripped[:1].isupper()),
        1.0 - (stripped.rfind("?") + 1) / max(1, len(stripped)),
        opening[0],
        _OPENER_CODE.get(_first_word(last), -1.0),
        opening[1],
        float(counts[:9].sum()),
    ]


def _first_word(text: str) -> str:
    match = _WORD.search(text[:80].lower())
    return match.group() if match else ""


def _groups(lower: str, words: list[str]) -> list[float]:
    found = [0.0] * len(GROUPS)
    for word in words:
        for group in _WORD_GROUPS.get(word, ()):
            found[group] += 1.0
    for phrase, group in _PHRASE_GROUPS:
        found[group] += lower.count(phrase)
    return found


def _asked(words: list[str], system: str) -> list[float]:
    """Explicit requests: log tokens of "in 50 words", log items of "five tips"; NaN if none.

    The system message is read too, because that is where a service states its limits.
    """
    system_words = _WORD.findall(system)
    tokens, items, number = _requested(system_words + words)
    groups = _groups(system, system_words) if system else [0.0] * len(GROUPS)
    return [
        log1p(tokens) if tokens else float("nan"),
        log1p(items) if items else float("nan"),
        log1p(number),
        log1p(len(system)),
        groups[GROUPS.index("short")],
        groups[GROUPS.index("long")],
    ]


def _requested(words: list[str]) -> tuple[float, float, float]:
    """Tokens and items asked for in so many words, and the largest number but "a"."""
    tokens = items = largest = 0.0
    numbers = [at for at, word in enumerate(words) if word in NUMBER_WORDS or word.isdecimal()]
    for at in numbers:
        value = _number(words[at])
        for unit in words[at + 1 : at + 1 + _REACH]:
            if unit in _UNITS:
                tokens = max(tokens, value * _UNITS[unit])
                break
            if unit in _ITEM_WORDS:
                items = max(items, value)
                break
        if value > 1:
            largest = max(largest, value)
    return tokens, items, largest


def _number(word: str) -> float:
    value = NUMBER_WORDS.get(word)
    if value is None:
        value = int(word) if len(word) <= 5 and word.isascii() else 0
    return float(value)
