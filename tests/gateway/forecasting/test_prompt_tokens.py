"""The estimate of a prompt's tokens under traffic that the gateway sees only in part."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gateway.forecasting.prompt_tokens import (
    ATTACHMENT_TOKENS,
    MOST,
    MOST_TEMPLATE,
    PromptTokens,
    room,
)
from predictor import Prompt

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}
TOOL = {"type": "function", "function": {"name": "f", "description": "does things " * 20}}
QUESTION = "What is the weather in Paris today, and shall I take an umbrella?"
DOCUMENT = "lorem ipsum " * 1000


def asked(content: Any, **fields: Any) -> Prompt:
    return Prompt.from_request(
        {"model": "m", "messages": [{"role": "user", "content": content}], **fields}
    )


def after(prompt: Prompt, tokens: int, times: int = 30) -> PromptTokens:
    """The estimator after so many like prompts."""
    learned = PromptTokens()
    for _ in range(times):
        learned.observe(prompt, tokens)
    return learned


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        (asked(QUESTION, tools=[TOOL] * 60), 5500),
        (asked([{"type": "text", "text": QUESTION}, IMAGE]), 1630),
        (asked(QUESTION, previous_response_id="r"), 9000),
        (asked(QUESTION, response_format={"type": "json_schema", "schema": {"a": "b"}}), 900),
        (Prompt.from_request({"model": "m", "prompt": list(range(500))}), 2000),
    ],
    ids=["tools", "image", "earlier response", "schema", "token ids"],
)
def test_a_prompt_with_unseen_parts_says_nothing_of_a_plain_text(
    prompt: Prompt, tokens: int
) -> None:
    plain = asked(DOCUMENT)
    assert after(prompt, tokens).estimate(plain) == PromptTokens().estimate(plain)


def test_short_prompts_tell_of_the_chat_template_not_of_the_tokenizer() -> None:
    short, long = asked("q" * 70), asked(DOCUMENT)
    learned = after(short, 70)
    assert learned.estimate(short) == pytest.approx(70, abs=3)
    assert learned.estimate(long) < 1.1 * PromptTokens().estimate(long)


def test_short_and_long_prompts_tell_template_and_tokenizer_apart() -> None:
    learned = PromptTokens()
    for n in range(60):
        size = 50 if n % 3 else 16_000
        learned.observe(asked("q" * size), size // 5 + 40)
    for size in (50, 500, 50_000):
        assert learned.estimate(asked("q" * size)) == pytest.approx(size / 5 + 40, rel=0.05, abs=3)


def test_tools_and_images_count() -> None:
    plain = PromptTokens().estimate(asked(QUESTION))
    tools = asked(QUESTION, tools=[TOOL] * 60)
    assert PromptTokens().estimate(tools) == pytest.approx(plain + tools.tool_chars / 4, rel=0.01)
    image = asked([{"type": "text", "text": QUESTION}, IMAGE, IMAGE])
    assert PromptTokens().estimate(image) == plain + 2 * ATTACHMENT_TOKENS


def test_tools_in_the_system_message_count_once() -> None:
    described = '[{"name": "f", "parameters": {}}]' * 100
    messages = [{"role": "system", "content": described}, {"role": "user", "content": "Go"}]
    prompt = Prompt.from_request({"model": "m", "messages": messages})
    assert prompt.tools
    assert PromptTokens().estimate(prompt) == math.ceil((len(described) + 2) / 4) + 1


def test_a_script_of_more_bytes_has_more_tokens() -> None:
    english, japanese = asked("The fox jumps. " * 30), asked("東京の天気を教えて。" * 30)
    learned = after(english, english.chars // 4, times=100)
    assert learned.estimate(japanese) == pytest.approx(0.75 * japanese.chars, rel=0.05)


@pytest.mark.parametrize("tokens", [1, 10**9])
def test_no_count_moves_the_estimate_beyond_what_a_tokenizer_can_make(tokens: int) -> None:
    long = asked(DOCUMENT)
    for prompt in (asked("q" * 70), long):
        estimate = after(prompt, tokens, times=500).estimate(long)
        assert long.chars / 10 <= estimate <= MOST * long.chars + MOST_TEMPLATE + 2


def test_an_estimate_leaves_a_part_of_the_context_whatever_it_says() -> None:
    assert room(8000, 0) == 8000
    assert room(8000, 4000) == 5000
    assert room(8000, 7999) > 2000
    assert room(8000, 8000) == room(8000, 700_000) == 8000
    assert room(math.inf, 700_000) == math.inf
