"""PromptTokens: the tokens of a prompt, estimated from its text before a worker counts them.

Tokens are linear in the text's bytes in UTF-8: a constant for the chat template, and a slope for
the tokenizer. Bytes instead of characters, because tokenizers work on bytes: a Japanese character
has three bytes and some three times the tokens of a Latin one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from predictor import Prompt

TOKENS_PER_BYTE = 0.25
"""Tokens in a byte of text before the first answer of a model."""

LEAST, MOST = 0.1, 1.0
"""Bounds of the tokens in a byte: a token of ten bytes on average is above every tokenizer's
mean, and a token has at least one byte."""

MOST_TEMPLATE = 1000
"""Most tokens of a chat template. A prompt with more tokens than text and template can have holds
text that the gateway does not see."""

ATTACHMENT_TOKENS = 1000
"""Tokens of an image or another attachment. Usual models take some hundreds to some thousands for
an image, by its size, which the gateway does not decode."""

MEMORY = 0.99
"""Weight of a prompt after the next one."""

SLOPE_SPREAD, TEMPLATE_SPREAD = 0.1, 50.0
"""Standard deviations of slope and template before the first answer. Short prompts of one size
cannot tell the two apart: by these figures their surplus is the template's."""

NOISE, NOISE_PER_BYTE = 5.0, 0.04
"""Standard deviation of a prompt's tokens around the line: a part is the same for all prompts, a
part grows with the text."""

SURE = 0.75
"""Part of an estimate that an answer is sure not to have for itself. A forecast that is a little
too long costs less than one that is cut for a prompt counted too high."""


def room(context: float, tokens: int) -> float:
    """The most tokens of an answer, for a prompt estimated at ``tokens``, at most the context.

    A worker refuses a prompt that fills the context. The estimate of a prompt that it accepts is
    wrong where it fills the context, and then it bounds nothing.
    """
    return context - SURE * tokens if tokens < context else context


def text_bytes(prompt: Prompt) -> float:
    """Bytes of the conversation and of the offered tools in UTF-8.

    The last user message and the system message show how many bytes a character has. A tool's JSON
    counts one byte for a character.
    """
    chars = prompt.chars or len(prompt.text) + len(prompt.system)
    shown = prompt.text + prompt.system
    per_char = len(shown.encode("utf-8", "replace")) / len(shown) if shown else 1.0
    return chars * per_char + (0 if prompt.described_tools else prompt.tool_chars)


def is_all_seen(prompt: Prompt) -> bool:
    """Whether the characters known of the prompt are all that the model reads of it.

    Whether a schema is part of the prompt depends on the chat template, as does the layout of
    tools; the characters of token ids are only an assumption.
    """
    partly = prompt.attachments or prompt.unseen_text or prompt.schema_chars
    tools = prompt.tool_chars and not prompt.described_tools
    return bool(prompt.text) and not partly and not tools


@dataclass(slots=True)
class PromptTokens:
    """A model's tokens per byte and template tokens, by least squares with a fading memory.

    The fields are sums over the prompts, each weighted by the inverse of its noise and its age.
    """

    _weight: float = 0.0
    _bytes: float = 0.0
    _squares: float = 0.0
    _surplus: float = 0.0
    """Tokens above ``TOKENS_PER_BYTE``."""
    _products: float = 0.0
    """Tokens above ``TOKENS_PER_BYTE``, times bytes."""

    def estimate(self, prompt: Prompt) -> int:
        """The prompt's tokens."""
        slope, template = self._line()
        read = slope * text_bytes(prompt) + template
        return math.ceil(read) + 1 + ATTACHMENT_TOKENS * prompt.attachments

    def observe(self, prompt: Prompt, tokens: int) -> None:
        """Take a prompt's tokens as a worker counted them. A prompt with unseen parts is left out.

        Tokens beyond the bounds of slope and template count as the nearest bound.
        """
        if not is_all_seen(prompt):
            return
        size = text_bytes(prompt)
        possible = min(max(tokens, LEAST * size), MOST * size + MOST_TEMPLATE)
        surplus = possible - TOKENS_PER_BYTE * size
        weight = (NOISE + NOISE_PER_BYTE * size) ** -2
        self._weight = MEMORY * self._weight + weight
        self._bytes = MEMORY * self._bytes + weight * size
        self._squares = MEMORY * self._squares + weight * size**2
        self._surplus = MEMORY * self._surplus + weight * surplus
        self._products = MEMORY * self._products + weight * size * surplus

    def _line(self) -> tuple[float, float]:
        """Tokens per byte, and tokens of the template."""
        weight, squares = self._weight + TEMPLATE_SPREAD**-2, self._squares + SLOPE_SPREAD**-2
        determinant = weight * squares - self._bytes**2
        steeper = (weight * self._products - self._bytes * self._surplus) / determinant
        slope = min(max(TOKENS_PER_BYTE + steeper, LEAST), MOST)
        template = (self._surplus - (slope - TOKENS_PER_BYTE) * self._bytes) / weight
        return slope, min(max(template, 0.0), MOST_TEMPLATE)
