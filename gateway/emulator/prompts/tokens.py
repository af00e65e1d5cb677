"""The emulator's tokenizer: any text as tokens and back, without a vocabulary to load.

A token is up to four ASCII characters, two characters of the other alphabets that UTF-8 writes in
two bytes (Greek, Cyrillic, Arabic), or one character of any other kind. Its id holds its
characters, so every worker reads the ids of every other.
"""

from __future__ import annotations

import re

from gateway.emulator.answers.words import PIECES

_TOKEN = re.compile(r"[\x01-\x7f]{1,4}|[\x80-\u07ff]{1,2}|.", re.DOTALL)

# An id is below 2^31. Its highest bits tell how many characters it holds, and how wide each is.
_ASCII_BITS, _PAIR_BITS = 7, 11
_PAIRS = 1 << 28
_SINGLES = 1 << 29
_WORDS = 1 << 30
MARK = _WORDS + len(PIECES)
"""The id of a token without text of its own: a mark of the chat template, a part of an image."""

_WORD_IDS = {piece: _WORDS + index for index, piece in enumerate(PIECES)}


def tokenize(text: str) -> list[str]:
    """The tokens of a text, which are its text when joined."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """The number of tokens of a text."""
    if text.isascii() and "\0" not in text:
        return -(-len(text) // 4)
    return len(tokenize(text))


def token_id(token: str) -> int:
    """The id of a token of ``tokenize``, or of a word of an answer."""
    if (word := _WORD_IDS.get(token)) is not None:
        return word
    if len(token) == 1 and not "\x01" <= token <= "\u07ff":
        return _SINGLES + ord(token)
    ascii_only = token.isascii()
    bits = _ASCII_BITS if ascii_only else _PAIR_BITS
    packed = 0
    for character in reversed(token):
        packed = packed << bits | ord(character)
    return packed if ascii_only else _PAIRS + packed


def token_text(number: int) -> str:
    """The text of a token id; U+FFFD for a number that is no token's id."""
    if number >= _WORDS:
        return PIECES[number - _WORDS] if number - _WORDS < len(PIECES) else "\ufffd"
    if number >= _SINGLES:
        code = number - _SINGLES
        return chr(code) if code <= 0x10FFFF else "\ufffd"
    bits, packed = (_ASCII_BITS, number) if number < _PAIRS else (_PAIR_BITS, number - _PAIRS)
    text = ""
    while packed:
        text += chr(packed & (1 << bits) - 1)
        packed >>= bits
    return text if "\0" not in text and text else "\ufffd"
