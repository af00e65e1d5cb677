"""What an answer says besides its text: log probabilities, the prompt again, thoughts."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from openai import BadRequestError, OpenAI

from tests.gateway.emulator.workers import HELLO, fixed

CHAT: Any = {"model": "emulated", "messages": HELLO, "temperature": 0}
TEXT: Any = {"model": "emulated", "prompt": "Say hello, world", "temperature": 0}


def test_a_chat_has_log_probabilities_for_each_token(client: OpenAI) -> None:
    fields: Any = {**CHAT, "logprobs": True, "top_logprobs": 3, "extra_body": fixed(12)}
    choice = client.chat.completions.create(**fields).choices[0]
    assert choice.logprobs is not None
    tokens = choice.logprobs.content or []
    assert len(tokens) == 12, "the end-of-sequence token has one too"
    assert "".join(token.token for token in tokens[:-1]) == choice.message.content
    for token in tokens:
        assert token.logprob < 0
        assert bytes(token.bytes or []).decode() == token.token
        ranked = [top.logprob for top in token.top_logprobs]
        assert len(ranked) == 3
        assert ranked == sorted(ranked, reverse=True)
        assert token.token in [top.token for top in token.top_logprobs]
    streamed = [
        chunk.choices[0].logprobs.content
        for chunk in client.chat.completions.create(stream=True, **fields)
        if chunk.choices[0].logprobs
    ]
    assert [token for part in streamed for token in part or []] == tokens


@pytest.mark.parametrize("limit", [8, 0])
def test_a_completion_repeats_its_prompt_with_log_probabilities(client: OpenAI, limit: int) -> None:
    fields: Any = {**TEXT, "echo": True, "logprobs": 2, "max_tokens": limit}
    choice = client.completions.create(**fields).choices[0]
    assert choice.text.startswith(TEXT["prompt"])
    assert (choice.text == TEXT["prompt"]) == (limit == 0)
    read = choice.logprobs
    assert read is not None
    assert read.tokens is not None
    assert read.token_logprobs is not None
    assert read.text_offset is not None
    assert len(read.tokens) == 4 + limit
    assert read.token_logprobs[0] is None
    assert all(logprob < 0 for logprob in read.token_logprobs[1:])
    for token, offset in zip(read.tokens, read.text_offset, strict=True):
        assert choice.text[offset:].startswith(token)
    chunks = list(client.completions.create(stream=True, **fields))
    assert "".join(chunk.choices[0].text for chunk in chunks) == choice.text
    offsets = [chunk.choices[0].logprobs.text_offset for chunk in chunks]
    assert [offset for part in offsets for offset in part or []] == read.text_offset


def test_each_of_several_prompts_is_repeated_before_its_own_answers(client: OpenAI) -> None:
    answer = client.completions.create(
        model="emulated", prompt=["first", "second"], n=2, echo=True, max_tokens=3
    )
    starts = [choice.text[:5] for choice in answer.choices]
    assert starts == ["first", "first", "secon", "secon"]


def test_a_chat_that_asks_for_it_thinks_first(client: OpenAI) -> None:
    fields: Any = {**CHAT, "reasoning_effort": "high", "extra_body": fixed(40)}
    message = client.chat.completions.create(**fields).choices[0].message.to_dict()
    assert message["reasoning"]
    assert message["content"]
    stream = client.chat.completions.create(stream=True, **fields)
    deltas = [chunk.choices[0].delta.to_dict() for chunk in stream]
    for name in ("reasoning", "content"):
        assert "".join(str(delta.get(name) or "") for delta in deltas) == message[name]
    hidden = {**fields, "extra_body": {**fixed(40), "include_reasoning": False}}
    answer = client.chat.completions.create(**hidden)
    assert answer.choices[0].message.to_dict()["reasoning"] is None
    assert answer.choices[0].message.content == message["content"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 40
    assert client.chat.completions.create(**CHAT).choices[0].message.to_dict()["reasoning"] is None


def test_a_response_that_asks_for_it_has_a_reasoning_item(client: OpenAI) -> None:
    fields: Any = {"model": "emulated", "input": "x", "reasoning": {"effort": "low"}}
    with client.responses.stream(**fields, extra_body=fixed(40)) as stream:
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.usage is not None
    assert final.usage.output_tokens == 40
    assert 0 < final.usage.output_tokens_details.reasoning_tokens < 40


def test_a_message_that_asks_for_it_thinks_within_its_budget(claude: anthropic.Anthropic) -> None:
    fields: Any = {"model": "emulated", "messages": HELLO, "max_tokens": 5000}
    fields |= {"thinking": {"type": "enabled", "budget_tokens": 1024}, "extra_body": fixed(4000)}
    with claude.messages.stream(**fields) as stream:
        final = stream.get_final_message()
    thinking, text = final.content
    assert thinking.type == "thinking"
    assert thinking.signature
    assert text.type == "text"
    assert len(thinking.thinking) < len(text.text) / 2
    with pytest.raises(anthropic.BadRequestError, match="must be less than max_tokens"):
        claude.messages.create(**{**fields, "max_tokens": 1024})


def test_what_the_emulated_model_does_not_follow_is_refused(client: OpenAI) -> None:
    for name, value in {
        "logit_bias": {"5": 100},
        "bad_words": ["the"],
        "prompt_logprobs": 1,
        "return_token_ids": True,
        "use_beam_search": True,
        "functions": [{"name": "f"}],
        "best_of": 3,
        "stream_interval": 4,
        "modalities": ["text", "audio"],
        "top_logprobs": 2,
        "echo": True,
    }.items():
        with pytest.raises(BadRequestError) as refused:
            client.chat.completions.create(**CHAT, extra_body={name: value})
        assert refused.value.param == name
    for name, value in {"suffix": "x", "logprobs": 21, "best_of": 2}.items():
        with pytest.raises(BadRequestError) as refused:
            client.completions.create(**TEXT, extra_body={name: value})
        assert refused.value.param == name


def test_sampling_parameters_and_unknown_fields_are_accepted(client: OpenAI) -> None:
    harmless = {"top_p": 0.5, "top_k": 3, "frequency_penalty": 1, "logit_bias": {}, "mystery": 1}
    assert client.chat.completions.create(**CHAT, extra_body=harmless).choices
