"""Corrections by earlier answers of the same prompt, template, system prompt or tenant."""

import numpy as np
import pytest

from predictor.adaptive import AdaptiveLayer, Forecast
from predictor.prompt import Prompt
from tests.predictor.adaptive.builders import ask, raw_forecast, words


def answer(
    adaptive: AdaptiveLayer, prompt: Prompt, tokens: float, location: float = 5.0
) -> Forecast:
    forecast = adaptive.adapt([prompt], raw_forecast(location))[0]
    adaptive.learn(forecast, round(tokens), censored=False)
    return forecast


def test_one_earlier_answer_to_the_same_prompt_dominates_the_forecast() -> None:
    adaptive = AdaptiveLayer()
    answer(adaptive, Prompt("m", "Why?"), 450)
    again, other = ask(adaptive, "Why?"), ask(adaptive, "What else is there?")
    assert again.from_history
    assert again.length.quantile(0.5) == pytest.approx(450, rel=0.2)
    assert again.scale < 0.6 * other.scale
    assert not other.from_history
    assert other.length.quantile(0.5) < 250


def test_with_more_answers_the_spread_becomes_the_prompts_own() -> None:
    rng, scales = np.random.default_rng(0), []
    for spread in (0.05, 0.5):
        adaptive = AdaptiveLayer()
        for _ in range(12):
            answer(adaptive, Prompt("m", "Why?"), 400 * np.exp(spread * rng.standard_normal()))
        scales.append(ask(adaptive, "Why?").scale)
    assert scales[0] < 0.5 * scales[1]


def test_templates_with_other_values_share_their_answers() -> None:
    adaptive, rng = AdaptiveLayer(), np.random.default_rng(1)
    for at in range(12):
        number = int(rng.integers(10**6))
        answer(adaptive, Prompt("m", f"{'abcdefghijkl'[at]} is asked"), 150)
        answer(adaptive, Prompt("m", f'Look up order {number} of "K {number % 7}" please'), 30)
    template = ask(adaptive, 'Look up order 77 of "someone else" please')
    assert template.length.quantile(0.5) < 60
    assert ask(adaptive, "Find the parcel with this label").length.quantile(0.5) > 70


@pytest.mark.parametrize("field", ["tenant", "system"])
def test_the_habits_of_a_group_are_learned(field: str) -> None:
    adaptive, rng = AdaptiveLayer(), np.random.default_rng(2)
    groups = {"a": 0.8, "b": -0.8}

    def prompt(group: str) -> Prompt:
        text = words(rng)
        if field == "tenant":
            return Prompt("m", text, tenant=group)
        return Prompt("m", text, system=group)

    for at in range(200):
        group = "ab"[at % 2]
        logs = 5.0 + groups[group] + 0.3 * rng.standard_normal()
        answer(adaptive, prompt(group), float(np.exp(logs)))
    for group, shift in groups.items():
        forecast = adaptive.adapt([prompt(group)], raw_forecast(5.0))[0]
        assert forecast.location == pytest.approx(5.0 + shift, abs=0.25)


def test_other_models_answers_to_the_same_prompt_help() -> None:
    adaptive, rng = AdaptiveLayer(), np.random.default_rng(3)
    for at in range(150):
        effect = float(rng.normal(0, 0.8))
        for model in ("a", "b"):
            length = np.exp(5 + effect + 0.1 * rng.standard_normal())
            answer(adaptive, Prompt(model, f"{'abcdefghij'[at % 10]} no {at}"), float(length))
    answer(adaptive, Prompt("a", "a new one"), float(np.exp(6.2)))
    assert ask(adaptive, "a new one", model="b").location > 5.7


def test_a_prompts_answers_from_before_a_change_of_the_model_lose_their_weight() -> None:
    adaptive, rng = AdaptiveLayer(), np.random.default_rng(4)
    prompts = [Prompt("m", f"{word} question") for word in "abcdefghijklmnopqrst"]
    for at in range(200):
        answer(adaptive, prompts[at % 20], float(np.exp(5 + 0.1 * rng.standard_normal())))
    for at in range(60):
        answer(adaptive, prompts[at % 10], float(np.exp(7 + 0.1 * rng.standard_normal())))
    unasked = adaptive.adapt([prompts[15]], raw_forecast(5.0))[0]
    assert adaptive.recent["fast", "m"].epoch >= 1
    assert unasked.location > 6.0


def test_conversations_that_end_alike_are_not_the_same_prompt() -> None:
    adaptive = AdaptiveLayer()
    answer(adaptive, Prompt("m", "continue", turns=2, chars=500), 2000)
    other = adaptive.adapt([Prompt("m", "continue", turns=3, chars=900)], raw_forecast(5.0))[0]
    same = adaptive.adapt([Prompt("m", "continue", turns=2, chars=500)], raw_forecast(5.0))[0]
    assert same.location > other.location + 0.3
