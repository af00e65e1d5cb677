"""Prompts: their text, and their size in tokens as the emulator counts."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from gateway.emulator.errors import VllmError
from gateway.emulator.schemas import Message, TextOrTokens

MESSAGE_OVERHEAD = 4
"""Tokens that a chat template adds to each message, and once for the header of the answer."""


@dataclass(frozen=True, slots=True)
class EmulatorPrompt:
    """A prompt: ``text`` seeds the random answer, ``tokens`` is its size.

    ``body`` is the request with this prompt only, for the length distribution.
    """

    text: str
    tokens: int
    body: dict[str, Any]

    def check_length(self, max_model_len: int) -> None:
        """Refuse a prompt that does not fit the context.

        Raises:
            VllmError: 400.
        """
        if self.tokens > max_model_len:
            raise VllmError(
                f"This model's maximum context length is {max_model_len} tokens. However, your "
                f"prompt contains {self.tokens} input tokens, which exceeds this limit even "
                "without any output tokens. Please reduce the length of the input prompt.",
                param="input_tokens",
                value=self.tokens,
            )


def text_prompts(content: TextOrTokens, body: dict[str, Any], field: str) -> list[EmulatorPrompt]:
    """The prompts in ``content``, which is the value of ``field`` in ``body``.

    Raises:
        VllmError: 400, a prompt is empty.
    """
    several = isinstance(content, list) and bool(content) and not isinstance(content[0], int)
    entries: list[Any] = list(content) if several else [content]
    prompts = [_prompt(entry, {**body, field: entry}) for entry in entries]
    if not all(prompt.tokens for prompt in prompts):
        raise VllmError(f"{field} must be provided and non-empty.", param=field)
    return prompts


def _prompt(content: str | list[int], body: dict[str, Any]) -> EmulatorPrompt:
    tokens = count_tokens(content) if isinstance(content, str) else len(content)
    return EmulatorPrompt(str(content), tokens, body)


def chat_prompt(messages: list[Message], body: dict[str, Any]) -> EmulatorPrompt:
    """A conversation as one prompt, with the tokens that a chat template would add."""
    text = "\n".join(f"{message.role}: {message.text}" for message in messages)
    tokens = sum(count_tokens(message.text) + MESSAGE_OVERHEAD for message in messages)
    return EmulatorPrompt(text, tokens + MESSAGE_OVERHEAD, body)


def count_tokens(text: str) -> int:
    """One token per four characters, rounded up."""
    return -(-len(text) // 4)


def token_ids(prompt: EmulatorPrompt) -> list[int]:
    """Made-up token ids, as many as the prompt has tokens; the same prompt has the same ids."""
    seed = zlib.crc32(prompt.text.encode("utf-8", "surrogatepass"))
    return [zlib.crc32(b"%d" % i, seed) % 32_000 for i in range(prompt.tokens)]
