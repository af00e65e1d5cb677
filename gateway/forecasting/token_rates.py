"""Tokens that each part of a prompt has, as assumed before a worker has counted any prompt."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from gateway.forecasting.characters import CharacterClass, Counts

_FIRST = len(CharacterClass)


class Part(IntEnum):
    """Parts of a prompt beside the characters of its text, numbered behind these."""

    TEMPLATE = _FIRST
    """A conversation: the chat template's own text, and the head of the answer."""
    MESSAGES = _FIRST + 1
    """Messages: role and separators."""
    TOOL_LIST = _FIRST + 2
    """Whether tools are offered: the template explains how to call one."""
    TOOLS = _FIRST + 3
    """Tools offered: the frame of each."""
    TOOL_TEXT = _FIRST + 4
    """The JSON of the tools, in tokens as assumed for a text."""
    UNUSED_TOOL_TEXT = _FIRST + 5
    """The same of tools whose use is forbidden: servers differ in whether the model reads them."""
    SCHEMA_TEXT = _FIRST + 6
    """The JSON schema of the answer, in tokens as assumed for a text."""
    THOUGHT_TEXT = _FIRST + 7
    """Thinking of earlier answers, in tokens as assumed for a text. Most templates drop it."""
    IMAGES = _FIRST + 8
    """Images of known size."""
    IMAGE_AREA = _FIRST + 9
    """Their area, in squares of 28 pixels: such a square is one token in the Qwen-VL models."""
    UNSIZED_IMAGES = _FIRST + 10
    """Images of unknown size, for instance behind a web address."""
    SOUND_SECONDS = _FIRST + 11
    """Seconds of sound."""
    ATTACHMENTS = _FIRST + 12
    """Other attachments: films, files, sounds of unknown length."""
    EARLIER = _FIRST + 13
    """Whether the prompt goes on from text that the server keeps."""


PARTS = _FIRST + len(Part)
"""The number of parts, classes of characters included."""


class Rate(NamedTuple):
    """Tokens for one unit of a part: assumed, standard deviation of that, least and most."""

    tokens: float
    deviation: float
    least: float
    most: float


_RATES: dict[IntEnum, Rate] = {
    # By the tokenizers of CASTILLO's 13 models on half of its prompts: letters 0.13 to 0.19,
    # spaces 0.25 to 0.44, digits 0.5 to 1.3, punctuation 0.55 to 0.82.
    CharacterClass.LETTER: Rate(0.165, 0.04, 0.05, 0.6),
    CharacterClass.SPACE: Rate(0.33, 0.12, 0.0, 1.0),
    CharacterClass.DIGIT: Rate(0.95, 0.35, 0.2, 1.3),
    CharacterClass.MARK: Rate(0.65, 0.15, 0.2, 1.3),
    # By vocabularies: small ones (Mistral, cl100k) split what large ones (Qwen, Gemma) hold whole,
    # down to a token for each byte.
    CharacterClass.LATIN: Rate(0.9, 0.5, 0.1, 2.5),
    CharacterClass.ALPHABET: Rate(0.45, 0.25, 0.1, 2.2),
    CharacterClass.SEMITIC: Rate(0.6, 0.35, 0.1, 2.2),
    CharacterClass.INDIC: Rate(0.9, 0.6, 0.1, 3.2),
    CharacterClass.KANA: Rate(0.8, 0.25, 0.2, 3.2),
    CharacterClass.HAN: Rate(0.95, 0.35, 0.2, 3.2),
    CharacterClass.HANGUL: Rate(0.95, 0.35, 0.2, 3.2),
    CharacterClass.SYMBOL: Rate(1.3, 0.8, 0.2, 4.2),
    # The same models' templates: 3 to 37 tokens around one message; Qwen's tool preamble has about
    # 130, and gpt-oss's system text more.
    Part.TEMPLATE: Rate(12.0, 25.0, 0.0, 2000.0),
    Part.MESSAGES: Rate(5.0, 3.0, 0.0, 30.0),
    Part.TOOL_LIST: Rate(100.0, 80.0, 0.0, 2000.0),
    Part.TOOLS: Rate(5.0, 8.0, 0.0, 100.0),
    Part.TOOL_TEXT: Rate(1.0, 0.3, 0.1, 3.0),
    Part.UNUSED_TOOL_TEXT: Rate(0.7, 0.4, 0.0, 3.0),
    # vLLM enforces a schema while it generates; few templates show it.
    Part.SCHEMA_TEXT: Rate(0.05, 0.2, 0.0, 3.0),
    Part.THOUGHT_TEXT: Rate(0.3, 0.4, 0.0, 1.5),
    # Qwen-VL: the area, and two marks. LLaVA: 576 whatever the size; Gemma 3: 256; tiles between.
    Part.IMAGES: Rate(50.0, 250.0, 0.0, 8000.0),
    Part.IMAGE_AREA: Rate(0.9, 0.3, 0.0, 2.0),
    Part.UNSIZED_IMAGES: Rate(1000.0, 1000.0, 16.0, 16_384.0),
    # Qwen2-Audio has 25 tokens a second, Ultravox 6.
    Part.SOUND_SECONDS: Rate(15.0, 12.0, 1.0, 100.0),
    Part.ATTACHMENTS: Rate(1500.0, 2000.0, 16.0, 50_000.0),
    Part.EARLIER: Rate(600.0, 2500.0, 0.0, 50_000.0),
}


def _column(name: str) -> Counts:
    order = (*CharacterClass, *Part)
    return np.array([getattr(_RATES[part], name) for part in order], dtype=np.float64)


ASSUMED, DEVIATION, LEAST, MOST = map(_column, Rate._fields)
"""The table's columns; index by ``CharacterClass`` or ``Part``."""


def assumed_tokens(characters: Counts) -> float:
    """The tokens of a text with these characters, before any worker has counted one."""
    return float(characters @ ASSUMED[:_FIRST])
