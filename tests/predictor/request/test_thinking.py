"""The switches of thinking, wherever APIs and models put them."""

from typing import Any

import pytest

from predictor import Prompt

SWITCHES: list[dict[str, Any]] = [
    {"enable_thinking": True},
    {"chat_template_kwargs": {"enable_thinking": True}},
    {"chat_template_kwargs": {"thinking": True}},
    {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    {"reasoning": {"enabled": True}},
    {"reasoning_effort": "high"},
    {"chat_template_kwargs": {"reasoning_effort": "high"}},
    {"reasoning": {"effort": "high"}},
]
OFF: list[dict[str, Any]] = [
    {"enable_thinking": False},
    {"chat_template_kwargs": {"thinking": False}},
    {"thinking": {"type": "disabled"}},
    {"reasoning": {"effort": "none"}},
    {"thinking_token_budget": 0},
]


def read(text: str = "Why?", system: str = "", **fields: Any) -> Prompt:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return Prompt.from_request({"model": "m", "messages": messages, **fields})


@pytest.mark.parametrize("fields", SWITCHES, ids=str)
def test_every_switch_turns_thinking_on(fields: dict[str, Any]) -> None:
    assert read(**fields).reasoning == 1


@pytest.mark.parametrize("fields", OFF, ids=str)
def test_every_switch_turns_thinking_off(fields: dict[str, Any]) -> None:
    assert read(**fields).reasoning == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking_token_budget": 2000},
        {"thinking_budget": 2000},
        {"chat_template_kwargs": {"thinking_budget": 2000}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"reasoning": {"max_tokens": 2000}},
    ],
    ids=str,
)
def test_every_budget_is_read(fields: dict[str, Any]) -> None:
    assert read(**fields).thinking_budget == 2000


def test_nothing_said_is_nothing_known() -> None:
    assert (read().reasoning, read().thinking_budget) == (None, None)
    assert read("What does src/think/no_think mean?").reasoning is None
    assert read(max_tokens=50).thinking_budget is None


@pytest.mark.parametrize(("word", "effort"), [("/think", 1), ("/no_think", 0), ("/nothink", 0)])
def test_words_in_the_last_message_or_the_system_message_switch(word: str, effort: int) -> None:
    assert read(f"Why? {word}").reasoning == read(f"{word}\nWhy?").reasoning == effort
    assert read(system=f"Be kind. {word}").reasoning == effort


def test_the_last_word_counts_the_user_s_before_the_system_s() -> None:
    assert read("/think or /no_think").reasoning == 0
    assert read("Why? /think", system="/no_think").reasoning == 1


def test_a_field_that_switches_off_is_final_and_an_effort_says_more_than_on() -> None:
    assert read("Why? /think", enable_thinking=False).reasoning == 0
    assert read("Why? /no_think", enable_thinking=True).reasoning == 0
    assert (
        read(enable_thinking=True, reasoning_effort="low").reasoning
        == read(reasoning_effort="low").reasoning
    )


def test_a_system_message_states_the_effort() -> None:
    low, medium, high = (
        read(system=f"You are a model.\nReasoning: {name}\n").reasoning
        for name in ("low", "medium", "high")
    )
    assert low is not None
    assert medium is not None
    assert 0 < low < medium < 1 == high
    assert read(system="detailed thinking on").reasoning == 1
    assert read("My reasoning: high costs").reasoning is None
