"""Prompts: their text, and their size in tokens as the emulator counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.emulator.body import TextOrTokens
from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.tokens import MARK, count_tokens, token_id, token_text, tokenize

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


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as the model reads it: who speaks, the text (with tool calls), the tokens of the
    images.
    """

    role: str
    text: str
    image_tokens: int = 0


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
    if isinstance(content, str):
        return EmulatorPrompt(content, count_tokens(content), body)
    return EmulatorPrompt("".join(map(token_text, content)), len(content), body)


def conversation_prompt(
    turns: Sequence[Turn], body: dict[str, Any], tools: Sequence[object] | None = None
) -> EmulatorPrompt:
    """A conversation as one prompt, with the tokens that a chat template would add.

    The tools stand in the prompt as JSON, as templates write them.
    """
    shown = [_dumps(tool) for tool in tools or ()]
    text = "\n".join([*shown, *(f"{turn.role}: {turn.text}" for turn in turns)])
    tokens = sum(count_tokens(turn.text) + turn.image_tokens + MESSAGE_OVERHEAD for turn in turns)
    tokens += sum(count_tokens(tool) + MESSAGE_OVERHEAD for tool in shown)
    return EmulatorPrompt(text, tokens + MESSAGE_OVERHEAD, body)


def token_ids(prompt: EmulatorPrompt) -> list[int]:
    """The ids of a prompt's tokens, as many as the prompt has tokens.

    Those of a chat template's marks and of images, which have no text, are ``MARK``.
    """
    ids = [token_id(token) for token in tokenize(prompt.text)][: prompt.tokens]
    return ids + [MARK] * (prompt.tokens - len(ids))


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
