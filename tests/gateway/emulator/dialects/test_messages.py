"""Anthropic's API of the emulated worker, read by the Anthropic SDK."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from tests.gateway.emulator.workers import HELLO, fixed


def ask(claude: anthropic.Anthropic, tokens: int, **fields: Any) -> anthropic.types.Message:
    fields = {"model": "emulated", "messages": HELLO, "max_tokens": 100, **fields}
    answer: anthropic.types.Message = claude.messages.create(extra_body=fixed(tokens), **fields)
    return answer


def test_a_message_has_the_forced_length_and_ends_its_turn(claude: anthropic.Anthropic) -> None:
    answer = ask(claude, 37)
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == 37
    (block,) = answer.content
    assert block.type == "text"
    assert block.text


def test_a_limit_cuts_a_message(claude: anthropic.Anthropic) -> None:
    answer = ask(claude, 37, max_tokens=5)
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 5


def test_a_stream_adds_up_to_the_message(claude: anthropic.Anthropic) -> None:
    fields: Any = {"model": "emulated", "messages": HELLO, "max_tokens": 50}
    fields["extra_body"] = {"temperature": 0}
    whole = claude.messages.create(**fields)
    with claude.messages.stream(**fields) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert [block.type for block in whole.content] == [block.type for block in final.content]
    assert [block.text for block in whole.content if block.type == "text"] == [text]
    assert text == "".join(block.text for block in final.content if block.type == "text")
    assert final.usage == whole.usage
    assert (final.stop_reason, final.stop_sequence) == (whole.stop_reason, whole.stop_sequence)


def test_count_tokens_says_what_a_message_will_be_charged(claude: anthropic.Anthropic) -> None:
    tool = {"name": "f", "description": "x" * 400, "input_schema": {"type": "object"}}
    image = {"type": "base64", "media_type": "image/png", "data": "aaaa"}
    content = [{"type": "image", "source": image}, {"type": "text", "text": "What is this?"}]
    fields: Any = {
        "model": "emulated",
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": [tool],
        "messages": [{"role": "user", "content": content}],
    }
    counted = claude.messages.count_tokens(**fields).input_tokens
    assert counted > 300 + 100
    answer = claude.messages.create(**fields, max_tokens=10)
    assert answer.usage.input_tokens == counted


def test_errors_have_anthropics_shape(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as unknown:
        ask(claude, 3, model="other")
    assert unknown.value.body == {
        "type": "error",
        "error": {"type": "NotFoundError", "message": "The model `other` does not exist."},
    }
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        ask(claude, 3, max_tokens=0)
