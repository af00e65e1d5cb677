"""Answers of the emulated model: their lengths, words and finish reasons."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.answers.choice import Choice
from gateway.emulator.answers.make import make_choices
from gateway.emulator.answers.words import PIECES, draw_words, escaped
from gateway.emulator.dialects.chat.request import ChatRequest
from gateway.emulator.dialects.completions import CompletionRequest
from gateway.emulator.errors import VllmError
from gateway.emulator.lengths import draw_length, published_lengths
from gateway.emulator.prompts.prompt import EmulatorPrompt, text_prompts
from scheduler.length import LengthDistribution

PROMPT = EmulatorPrompt("hello", 2, {})
FIVE = LengthDistribution.point(5)


def choices(**fields: Any) -> list[Choice]:
    request = ChatRequest.model_validate({"messages": [], **fields})
    return make_choices(request.demand({}), [PROMPT], lambda body: FIVE, 50)


def test_there_are_64_pieces_of_about_four_characters() -> None:
    assert len(PIECES) == len(set(PIECES)) == 64
    assert 3.5 < sum(map(len, PIECES)) / 64 < 4.5


@given(st.lists(st.floats(1, 5000), min_size=1, max_size=20, unique=True), st.floats(0, 1))
def test_drawn_lengths_lie_within_the_distribution(samples: list[float], level: float) -> None:
    lengths = LengthDistribution.from_samples(samples)
    drawn = draw_length(lengths, level)
    assert round(lengths.tokens[0]) <= drawn <= round(lengths.tokens[-1])
    assert drawn <= draw_length(lengths, min(1.0, level + 0.1))


def test_drawn_lengths_have_the_mean_and_the_spread_of_the_distribution() -> None:
    rng = random.Random(1)
    lengths = published_lengths({})
    drawn = sorted(draw_length(lengths, rng.random()) for _ in range(20_000))
    assert sum(drawn) / len(drawn) == pytest.approx(lengths.mean, rel=0.03)
    assert drawn[10_000] == pytest.approx(225, rel=0.05)
    assert lengths.mean == pytest.approx(337, rel=0.05)


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_shorter_answer_is_a_prefix_of_a_longer_one(one: int, other: int) -> None:
    short, long = sorted((one, other))
    words = draw_words(random.Random(3), long)
    assert words[:short] == draw_words(random.Random(3), short)


@pytest.mark.parametrize(
    ("fields", "tokens", "reason"),
    [
        ({}, 5, "stop"),
        ({"max_tokens": 5}, 5, "stop"),
        ({"max_tokens": 4}, 4, "length"),
        ({"min_tokens": 9}, 9, "stop"),
        ({"ignore_eos": True}, 48, "length"),
        ({"ignore_eos": True, "max_tokens": 7}, 7, "length"),
        ({"vllm_xargs": {"target_tokens": 11}}, 11, "stop"),
        ({"vllm_xargs": {"target_tokens": 60}}, 48, "length"),
        ({"vllm_xargs": {"other": "x"}}, 5, "stop"),
    ],
)
def test_an_answer_stops_by_itself_or_at_a_limit(
    fields: dict[str, Any], tokens: int, reason: str
) -> None:
    (choice,) = choices(**fields)
    assert (choice.output_tokens, choice.finish_reason) == (tokens, reason)


def test_the_pieces_of_a_choice_are_its_text_and_the_end_token_has_none() -> None:
    for fields in ({}, {"max_tokens": 4}):
        (choice,) = choices(seed=1, **fields)
        tokens = [choice.next_token() for _ in range(choice.output_tokens)]
        written = "".join(escaped(token.piece) for token in tokens)
        assert json.loads(f'"{written}"') == choice.texts("text")
        assert [token.finish for token in tokens[:-1]] == [None] * (len(tokens) - 1)
        assert [token.opens for token in tokens] == [True] + [False] * (len(tokens) - 1)
        assert tokens[-1].finish == choice.finish_reason
        assert (tokens[-1].piece == "") == (choice.finish_reason == "stop")


def test_half_a_surrogate_pair_in_a_prompt_is_accepted() -> None:
    request = CompletionRequest(prompt="\ud83d", seed=1, max_tokens=3)
    prompts = text_prompts("\ud83d", {}, "prompt")
    assert make_choices(request.demand({}), prompts, lambda body: FIVE, 9)


def test_a_seed_repeats_an_answer_and_each_choice_has_another() -> None:
    first, second, third = choices(seed=1, n=3)
    texts = [choice.texts("text") for choice in (first, second, third)]
    assert [choice.texts("text") for choice in choices(seed=1, n=3)] == texts
    assert len(set(texts)) == 3
    assert [choice.index for choice in (first, second, third)] == [0, 1, 2]


def test_n_is_1_with_greedy_sampling() -> None:
    with pytest.raises(VllmError, match="n must be 1 when using greedy sampling, got 2"):
        choices(n=2, temperature=0)
