"""What ends the text of the emulated model, and what it must not end before."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import BadRequestError, OpenAI

from gateway.emulator.answers.choice import Part
from gateway.emulator.answers.stops import Stops
from gateway.emulator.answers.words import PIECES
from gateway.emulator.prompts.tokens import token_id
from tests.gateway.emulator.workers import HELLO, fixed

PIECE_LISTS = st.lists(st.sampled_from(PIECES), max_size=30)


@given(
    PIECE_LISTS,
    st.lists(st.text("th e\n", min_size=1, max_size=3), min_size=1, max_size=3),
    st.booleans(),
)
def test_text_ends_before_the_first_stop_string(
    pieces: list[str], strings: list[str], shown: bool
) -> None:
    text = "".join(pieces)
    (part,), stop = Stops(tuple(strings), shown=shown).cut([Part("text", pieces)], 0)
    places = {text.find(string): string for string in strings if string in text}
    if not places:
        assert (part.text, stop) == (text, None)
        return
    assert isinstance(stop, str)
    assert stop in strings
    before = part.text.removesuffix(stop) if shown else part.text
    assert text.startswith(before + stop)
    # The tokens up to the one that completes the string count.
    count = len(part.pieces)
    assert not any(string in "".join(pieces[: count - 1]) for string in strings)
    assert stop in "".join(pieces[:count])


def test_the_first_tokens_cannot_end_the_text() -> None:
    pieces = [" a", " the", " b", " the", " c"]
    (part,), stop = Stops((" the",)).cut([Part("text", pieces)], 3)
    assert (part.text, stop, len(part.pieces)) == (" a the b", " the", 4)


def test_a_stop_token_ends_the_text() -> None:
    pieces = [" a", " the", " b"]
    the = token_id(" the")
    (part,), stop = Stops(token_ids=frozenset([the])).cut([Part("text", pieces)], 0)
    assert (part.text, stop, len(part.pieces)) == (" a", the, 2)


@pytest.mark.parametrize("shown", [False, True])
def test_a_stop_string_ends_a_chat_streamed_or_not(client: OpenAI, shown: bool) -> None:
    fields: Any = {"model": "emulated", "messages": HELLO, "stop": ["data", "."], "temperature": 0}
    fields["extra_body"] = {**fixed(2000), "include_stop_str_in_output": shown}
    whole = client.chat.completions.create(**fields)
    (choice,) = whole.choices
    text = choice.message.content or ""
    assert choice.finish_reason == "stop"
    assert choice.stop_reason in ("data", ".")
    assert text.endswith(("data", ".")) == shown
    assert sum(map(text.count, ("data", "."))) == int(shown)
    chunks = list(
        client.chat.completions.create(
            stream=True, stream_options={"include_usage": True}, **fields
        )
    )
    deltas = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(deltas) == text
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens < 2000


def test_a_stop_sequence_ends_a_message(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model="emulated",
        messages=HELLO,
        max_tokens=3000,
        stop_sequences=["data"],
        extra_body=fixed(2000),
    )
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "data")
    assert message.content[0].type == "text"
    assert "data" not in message.content[0].text


def test_min_tokens_outlast_stop_strings_and_the_end(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="emulated", messages=HELLO, stop=" ", extra_body={"min_tokens": 50, **fixed(100)}
    )
    assert answer.usage is not None
    assert 50 < answer.usage.completion_tokens < 80


def test_an_empty_stop_string_is_refused(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="empty string"):
        client.chat.completions.create(model="emulated", messages=HELLO, stop="")
