"""Whether a request makes its model think: the model's kind and the request's switches."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.features.reasoning import can_think, most_tokens, thinking
from predictor.prompt import Prompt

ALWAYS = ["deepseek-ai/DeepSeek-R1", "DeepSeek-R1-Distill-Llama-8B", "QwQ-32B", "glm-z1-9b"]
ALWAYS += ["Qwen3-30B-A3B-Thinking-2507", "Phi-4-reasoning-plus", "moonshotai/Kimi-K2-Thinking"]
ALWAYS += ["thudm/glm-4-z1-32b-0414"]
ALWAYS += ["deepseek-reasoner", "MiniMaxAI/MiniMax-M2", "deepseek-r1:14b", "claude-3.7-thinking"]
ON = [
    "Qwen/Qwen3-8B",
    "qwen3:32b-q4_K_M",
    "GLM-4.5-Air",
    "HuggingFaceTB/SmolLM3-3B",
    "Seed-OSS-36B",
    "ll3.3-nemotron-49b-v1",
]
OFF = [
    "NousResearch/DeepHermes-3-Mistral-24B-Preview",
    "deepseek-ai/DeepSeek-V3.1",
    "ibm-granite/granite-3.3-8b-instruct",
    "claude-sonnet-4",
]
NEVER = ["Qwen2.5-7B-Instruct", "meta-llama/Llama-3.1-8B-Instruct", "DeepSeek-V3", "gpt-4o-mini"]
NEVER += ["Qwen3-4B-Instruct-2507", "qwen3-8b-nothink", "gemma-3-12b-it", "Qwen3-Coder-30B-A3B"]
NEVER += ["grok-4-fast-non-reasoning", "gpt-5-chat-latest", "Mixtral-8x7B-Instruct-v0.1", "phi-4"]
UNASKED = dict.fromkeys(ALWAYS + ON, 1.0) | dict.fromkeys(OFF + NEVER, 0.0)


def effort(model: str, **fields: object) -> float:
    body = {"model": model, "messages": [{"role": "user", "content": "Why?"}], **fields}
    return thinking(Prompt.from_request(body))


def switched(on: bool) -> dict[str, object]:
    return {"chat_template_kwargs": {"enable_thinking": on}}


@pytest.mark.parametrize(("model", "expected"), UNASKED.items())
def test_a_model_thinks_unasked_or_not(model: str, expected: float) -> None:
    assert effort(model) == expected
    assert can_think(model) == (model not in NEVER)


@pytest.mark.parametrize("model", ALWAYS + NEVER)
def test_a_switch_that_the_model_does_not_have_changes_nothing(model: str) -> None:
    assert effort(model, **switched(True)) == effort(model, **switched(False)) == effort(model)


@pytest.mark.parametrize("model", [*ON, *OFF, "in-house-model"])
def test_a_switch_that_the_model_has_counts(model: str) -> None:
    assert effort(model, **switched(True)) == 1
    assert effort(model, **switched(False)) == 0


@pytest.mark.parametrize("model", ["openai/gpt-oss-20b", "o3-mini", "gpt-5", "in-house-model"])
def test_more_effort_is_more_thinking(model: str) -> None:
    low, medium, high = (effort(model, reasoning_effort=name) for name in ("low", "medium", "high"))
    assert 0 < low < medium < high == 1


@pytest.mark.parametrize("model", ["gpt-oss-120b", "o4-mini"])
def test_models_of_levels_think_at_medium_unless_told_or_named_otherwise(model: str) -> None:
    assert effort(model) == effort(model, reasoning_effort="medium")
    assert effort(f"{model}-high") == effort(model, reasoning_effort="high")
    assert effort(f"{model}-low") < effort(model)
    assert effort(model, **switched(False)) > 0


def test_an_unknown_model_does_not_think_unasked() -> None:
    assert effort("in-house-model") == 0
    assert not can_think("in-house-model")


@given(st.text(), st.none() | st.floats(0, 1))
def test_every_name_has_an_effort_between_0_and_1(name: str, asked: float | None) -> None:
    assert 0 <= thinking(Prompt(name, "", reasoning=asked)) <= 1


def test_a_guided_choice_bounds_the_answer_but_not_the_thinking() -> None:
    plain = Prompt("m", "", answer_limit=4)
    assert most_tokens(plain) == 4
    assert most_tokens(replace(plain, max_tokens=3)) == 3
    assert most_tokens(replace(plain, max_tokens=90, reasoning=1.0)) == 90
    assert most_tokens(Prompt("m", "")) is None


def test_quantisation_owner_and_case_do_not_matter() -> None:
    for model, suffix in product(ON + OFF + ALWAYS, ["-AWQ", "-GGUF", ".Q8_0"]):
        assert effort(f"owner/{model.rsplit('/', 1)[-1].upper()}{suffix}") == effort(model)
