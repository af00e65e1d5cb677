"""Characters of a text by class: the classes differ in how many tokens a character takes."""

from __future__ import annotations

from enum import IntEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]


class CharacterClass(IntEnum):
    """Characters that tokenizers treat alike."""

    LETTER = 0
    """ASCII letters: a word is one token or two."""
    SPACE = 1
    """Blanks and tabs: most belong to the token of the next word, runs are one token."""
    DIGIT = 2
    """A token each in some tokenizers, one for three in others."""
    MARK = 3
    """ASCII punctuation, line ends and control characters."""
    LATIN = 4
    """Latin letters with accents."""
    ALPHABET = 5
    """Greek, Cyrillic, Armenian and phonetic letters."""
    SEMITIC = 6
    """Hebrew, Arabic, Syriac and their kin."""
    INDIC = 7
    """Scripts of South and South-East Asia, Georgian, Ethiopic and other small vocabularies."""
    KANA = 8
    """Japanese syllables, CJK punctuation and full-width forms."""
    HAN = 9
    """Chinese characters."""
    HANGUL = 10
    """Korean syllables and letters."""
    SYMBOL = 11
    """Typographic signs, arrows, pictures, everything else."""


_C = CharacterClass

_RANGES = (
    *((0x00, _C.MARK), (0x80, _C.SYMBOL), (0xC0, _C.LATIN), (0x250, _C.ALPHABET)),
    *((0x590, _C.SEMITIC), (0x900, _C.INDIC), (0x1100, _C.HANGUL), (0x1200, _C.INDIC)),
    *((0x1E00, _C.LATIN), (0x1F00, _C.ALPHABET), (0x2000, _C.SYMBOL), (0x2C00, _C.ALPHABET)),
    *((0x2E80, _C.HAN), (0x3000, _C.KANA), (0x3100, _C.HAN), (0x3130, _C.HANGUL)),
    *((0x3190, _C.HAN), (0x31F0, _C.KANA), (0x3200, _C.SYMBOL), (0x3400, _C.HAN)),
    *((0xA000, _C.INDIC), (0xAC00, _C.HANGUL), (0xD800, _C.SYMBOL), (0xF900, _C.HAN)),
    *((0xFB00, _C.SEMITIC), (0xFE00, _C.SYMBOL), (0xFF00, _C.KANA), (0xFFF0, _C.SYMBOL)),
    *((0x20000, _C.HAN), (0x32000, _C.SYMBOL)),
)
"""First code point of each range, and its class."""

_STARTS = np.array([start for start, _ in _RANGES], dtype=np.uint32)
_CLASSES = np.array([kind for _, kind in _RANGES], dtype=np.intp)

SAMPLED = 32_768
"""Characters of a text that are looked at; a longer text is judged by even parts of it."""

_PARTS = 16


def _ascii_classes() -> npt.NDArray[np.intp]:
    table = np.full(128, _C.MARK, dtype=np.intp)
    for code in range(128):
        character = chr(code)
        if character.isalpha():
            table[code] = _C.LETTER
        elif character.isdigit():
            table[code] = _C.DIGIT
    table[[0x09, 0x20]] = _C.SPACE
    return table


_ASCII = _ascii_classes()


def count_characters(text: str) -> Counts:
    """The characters of a text by ``CharacterClass``, in time bounded whatever its length."""
    sample = _sample(text)
    if sample.isascii():
        codes = np.frombuffer(sample.encode("ascii"), dtype=np.uint8)
        kinds = _ASCII[codes]
    else:
        codes = np.frombuffer(sample.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        kinds = _CLASSES[np.searchsorted(_STARTS, codes, side="right") - 1]
        ascii_codes = codes < 128
        kinds[ascii_codes] = _ASCII[codes[ascii_codes]]
    counts = np.bincount(kinds, minlength=len(CharacterClass)).astype(np.float64)
    return counts * (len(text) / len(sample)) if len(sample) < len(text) else counts


def _sample(text: str) -> str:
    if len(text) <= SAMPLED:
        return text
    part, starts = SAMPLED // _PARTS, np.linspace(0, len(text), _PARTS + 1, dtype=int)
    return "".join(text[start : start + min(part, end - start)] for start, end in pairwise(starts))
