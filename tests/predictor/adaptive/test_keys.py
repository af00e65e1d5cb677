"""The keys of the groups that a request belongs to."""

from dataclasses import replace
from typing import Any

import pytest

from predictor.adaptive.keys import (
    LEVELS,
    NO_KEY,
    OPENING,
    PROMPT,
    PROMPT_ANY,
    SKELETON,
    SYSTEM,
    TENANT,
    keys_of,
)
from predictor.prompt import Prompt


def alike(first: Prompt, second: Prompt) -> set[str]:
    """The levels at which two prompts share a key."""
    pairs = zip(LEVELS, keys_of(first), keys_of(second), strict=True)
    return {level for level, a, b in pairs if a == b != NO_KEY}


def test_a_level_that_does_not_apply_has_no_key() -> None:
    keys = keys_of(Prompt("m", "Hello there"))
    assert keys[TENANT] == keys[SYSTEM] == NO_KEY
    assert NO_KEY not in keys[OPENING:]
    assert set(keys_of(Prompt("m", ""))) == {NO_KEY}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Weather in 3 days?", "Weather in 14 days?"),
        ('Translate "good day" please', 'Translate "see you" please'),
        ("Open http://a.example/x1 now", "Open https://b.example/y/2 now"),
        ("Ticket a81f-22 is late", "Ticket 7c-9 is late"),
    ],
)
def test_values_are_masked_in_the_skeleton(first: str, second: str) -> None:
    assert alike(Prompt("m", first), Prompt("m", second)) >= {"skeleton"}
    assert "prompt" not in alike(Prompt("m", first), Prompt("m", second))


def test_other_words_share_only_the_key_of_the_opening() -> None:
    first = Prompt("m", "Write a poem about the sea")
    assert alike(first, Prompt("m", "Write a poem about the wind")) == {"opening"}


def test_another_model_shares_only_the_key_of_the_prompt() -> None:
    first, second = (Prompt(model, "Why?", system="s", tenant="t") for model in "ab")
    assert alike(first, second) == {"prompt_any"}


@pytest.mark.parametrize(
    "other",
    [
        {"reasoning": 1.0},
        {"thinking_budget": 9},
        {"forced_tool": True},
        {"tool_chars": 9},
        {"previous_chars": 9},
        {"tool_results": 1},
        {"schema_fields": 3},
        {"answer_limit": 4},
    ],
    ids=str,
)
def test_a_field_that_changes_the_answer_changes_the_key_of_the_prompt(
    other: dict[str, Any],
) -> None:
    plain = Prompt("m", "Why is tea hot?")
    assert not alike(plain, replace(plain, **other)) & {"prompt", "prompt_any"}


def test_tiers_share_only_the_key_of_prompt_and_model() -> None:
    prompt = Prompt("m", "Why?", system="s", tenant="t")
    fast, refined = keys_of(prompt, tier="fast"), keys_of(prompt, tier="refined")
    assert [a == b for a, b in zip(fast, refined, strict=True)] == [False] * PROMPT + [True]


def test_a_salt_changes_every_key_and_keys_fit_64_bits() -> None:
    prompt = Prompt("m", "Why?", system="s", tenant="t")
    plain, salted = keys_of(prompt), keys_of(prompt, salt=b"secret")
    assert not set(plain) & set(salted)
    assert all(0 <= key < 2**63 for key in plain + salted)
    assert len(set(plain)) == len(LEVELS)
    assert plain[SKELETON] != plain[PROMPT_ANY]
