"""Scripts of characters, and the plain form that a character is read in.

The script of a character beyond ASCII follows from the first two bytes of its UTF-8 form, so that
a batch is read by one table (``SCRIPT``) without decoding.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

SCRIPTS = ("han", "kana", "hangul", "thai", "cyrillic", "arabic", "indic", "accented", "unknown")
"""Names of the scripts; the code of a script is its index."""

SYMBOL = len(SCRIPTS)
"""The code of a character that is no letter, and a token of its own: an arrow, an emoji."""
JOINED = SYMBOL + 1
"""The code of a character that is no letter, but part of a word: the second one of "H₂O"."""

_SPACELESS = 4  # the first scripts: words are not parted by spaces
_LOWEST_LEAD = 0xC2

_RANGES = (
    ("joined", 0x80, 0xBF),
    ("accented", 0xC0, 0x24F),
    ("accented", 0x1E00, 0x1EFF),
    ("cyrillic", 0x400, 0x52F),
    ("arabic", 0x600, 0x6FF),
    ("arabic", 0x740, 0x77F),
    ("arabic", 0x8A0, 0x8FF),
    ("arabic", 0xFB50, 0xFDFF),
    ("arabic", 0xFE70, 0xFEFF),
    ("indic", 0x900, 0xDFF),
    ("thai", 0xE00, 0xEFF),  # and Lao
    ("thai", 0x1000, 0x109F),  # Myanmar
    ("thai", 0x1780, 0x17FF),  # Khmer
    ("hangul", 0x1100, 0x11FF),
    ("hangul", 0x3140, 0x317F),
    ("hangul", 0xAC00, 0xD7FF),
    ("kana", 0x3040, 0x30FF),
    ("kana", 0xFF80, 0xFFBF),
    ("han", 0x3400, 0x9FFF),
    ("han", 0xF900, 0xFAFF),
    ("han", 0x20000, 0x3FFFF),
    ("symbol", 0x2000, 0x203F),
    ("joined", 0x2040, 0x217F),
    ("symbol", 0x2180, 0x2BFF),
    ("symbol", 0x2E00, 0x2E7F),
    ("symbol", 0x3000, 0x303F),
    ("symbol", 0xFE00, 0xFE3F),
    ("symbol", 0x1F000, 0x1FAFF),
)
"""Scripts by ranges of code points (Unicode 15, Blocks.txt); from 0x800 on, where two bytes name 64
characters, cut at multiples of 64. "joined": no letters, but parts of words."""

_TYPOGRAPHIC = "‘’‚“”„–—−•«»「」『』¿¡\u3000\u00a0\u202f。、।॥؟،؛۔٪٬٫"
_ASCII_FORMS = '\'\'\'"""----""""""\'\'   .,..?,;.%,.'
_PLAIN = dict(zip(_TYPOGRAPHIC, _ASCII_FORMS, strict=True))
"""Typographic characters and their ASCII forms: a word in typographic quotes is the same word."""


def _lead_and_next(point: int) -> int:
    first, second = chr(point).encode("utf-8", "replace").ljust(2)[:2]
    return first << 8 | second


def _scripts() -> NDArray[np.uint8]:
    codes = (*SCRIPTS, "symbol", "joined")
    code = np.full(1 << 16, SCRIPTS.index("unknown"), dtype=np.uint8)
    for name, start, end in _RANGES:
        step = 1 if start < 0x800 else 64
        code[[_lead_and_next(point) for point in range(start, end + 1, step)]] = codes.index(name)
    return code


SCRIPT = _scripts()
"""The script code by the first two bytes of a character (the first times 256 plus the second)."""


def _plain_form(point: int) -> str:
    """One character: ASCII forms of digits and full-width characters, and lower case."""
    char = chr(point)
    if char in _PLAIN:
        return _PLAIN[char]
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if 0xFF01 <= point <= 0xFF5E:
        return chr(point - 0xFEE0)
    lower = char.lower()
    return lower if len(lower) == 1 else char


_FOLDED = np.arange(1 << 16, dtype="<u4")
for _point in range(0x80, 1 << 16):
    _FOLDED[_point] = ord(_plain_form(_point))
"""The plain form of each code point that has one: those beyond stay."""


def plain(text: str) -> str:
    """``text`` in the form that is read: plain quotes, dashes, stops and digits in ASCII.

    Letters beyond ASCII are in lower case. A lone surrogate becomes a question mark.
    """
    if text.isascii():
        return text
    points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype="<u4")
    if points.max() < len(_FOLDED):
        return _FOLDED.take(points).tobytes().decode("utf-32-le")
    near = points < len(_FOLDED)
    folded = points.copy()
    folded[near] = _FOLDED.take(points[near])
    return folded.tobytes().decode("utf-32-le")


def leads(data: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Positions of the first bytes of the characters beyond ASCII in UTF-8 ``data``."""
    return (data >= _LOWEST_LEAD).nonzero()[0]


def scripts_at(data: NDArray[np.uint8], where: NDArray[np.intp]) -> NDArray[np.uint8]:
    """The script codes of the characters whose first bytes are at ``where`` in ``data``."""
    return SCRIPT.take(data[where].astype(np.intp) << 8 | data[where + 1])


def is_alone(script: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether characters of these scripts are tokens of their own."""
    return np.asarray((script < _SPACELESS) | (script == SYMBOL))
