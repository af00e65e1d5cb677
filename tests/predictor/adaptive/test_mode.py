"""The mode of a request: its numbers, its name, and what the layer learns by it."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from predictor.adaptive import AdaptiveLayer, AdaptiveSettings, Forecast
from predictor.adaptive.keys import LEVELS, NO_KEY, keys_of
from predictor.adaptive.mode import NAMES, mode_of, name_of
from predictor.evaluation.scores import kendall_tau
from predictor.prompt import Prompt
from tests.predictor.adaptive.builders import raw_forecast, words

PLAIN = Prompt("m", "Why?", system="s", tenant="t")
THINKING = replace(PLAIN, reasoning=1.0)
MODES = {
    "plain": PLAIN,
    "thinking low": replace(PLAIN, reasoning=0.3),
    "thinking high": THINKING,
    "tools": replace(PLAIN, tools=3),
    "tools, forced": replace(PLAIN, tools=3, forced_tool=True),
    "json": replace(PLAIN, json=True),
    "thinking high, tools, json": replace(THINKING, tools=1, json=True),
}
RNG = np.random.default_rng


def serve(
    layer: AdaptiveLayer, prompt: Prompt, median: float, rng: np.random.Generator
) -> tuple[Forecast, int]:
    """One answer to a new text in the mode of ``prompt``; the predictor says 900 for every mode."""
    asked = replace(prompt, text=words(rng), system="", tenant="")
    longer = 0.4 * float(rng.standard_normal())
    (forecast,) = layer.adapt([asked], raw_forecast(np.log(900.0) + longer, scale=0.6))
    tokens = round(median * float(np.exp(longer + 0.4 * rng.standard_normal())))
    layer.learn(forecast, tokens, censored=False)
    return forecast, tokens


def test_each_mode_has_its_name_and_its_numbers() -> None:
    assert {name: name_of(mode_of(prompt)) for name, prompt in MODES.items()} == {
        name: name for name in MODES
    }
    assert all(len(mode_of(prompt)) == len(NAMES) for prompt in MODES.values())
    assert mode_of(PLAIN) == (0.0,) * len(NAMES)
    assert len({mode_of(prompt) for prompt in MODES.values()}) == len(MODES)


def test_a_model_that_always_thinks_needs_no_switch() -> None:
    assert mode_of(Prompt("deepseek-r1", "Why?"))[0] == 1
    assert mode_of(Prompt("deepseek-r1", "Why?", reasoning=0.0))[0] == 0


@pytest.mark.parametrize(("first", "second"), list(combinations(MODES, 2)))
def test_groups_of_two_modes_are_apart(first: str, second: str) -> None:
    pairs = zip(LEVELS, keys_of(MODES[first]), keys_of(MODES[second]), strict=True)
    assert [level for level, a, b in pairs if a == b != NO_KEY] == []


@pytest.mark.parametrize("mode", sorted(set(MODES) - {"plain"}))
def test_two_modes_of_a_model_are_forecast_apart_after_300_answers(mode: str) -> None:
    layer, rng = AdaptiveLayer(), RNG(0)
    medians = {"plain": 418.0, mode: 1959.0}
    served = []
    for at in range(500):
        name = ("plain", mode)[int(rng.integers(2))]
        forecast, tokens = serve(layer, MODES[name], medians[name], rng)
        if at >= 300:
            served.append((name, forecast.length, tokens))
    for name, median in medians.items():
        said = np.median([length.quantile(0.5) for kind, length, _ in served if kind == name])
        assert said == pytest.approx(median, rel=0.25)
    said, came = np.array([(length.mean, tokens) for _, length, tokens in served]).T
    assert kendall_tau(said, came) >= 0.55
    inside = [length.quantile(0.1) <= n <= length.quantile(0.9) for _, length, n in served]
    assert np.mean(inside) == pytest.approx(0.8, abs=0.08)


def test_a_mode_without_answers_borrows_the_level_of_the_models_other_modes() -> None:
    layer, rng = AdaptiveLayer(), RNG(1)
    for _ in range(200):
        serve(layer, PLAIN, 200.0, rng)
    (forecast,) = layer.adapt([replace(THINKING, text="new")], raw_forecast(np.log(900.0)))
    assert forecast.length.quantile(0.5) == pytest.approx(200, rel=0.25)


def test_the_spread_of_a_mode_is_its_own() -> None:
    layer, rng = AdaptiveLayer(), RNG(2)
    for at in range(400):
        prompt, spread = ((PLAIN, 0.15), (THINKING, 1.0))[at % 2]
        (forecast,) = layer.adapt([replace(prompt, text=words(rng))], raw_forecast(6.0))
        tokens = round(float(np.exp(6.0 + spread * rng.standard_normal())))
        layer.learn(forecast, tokens, censored=False)
    plain, thinking = layer.adapt([PLAIN, THINKING], raw_forecast(6.0, 6.0))
    assert thinking.scale > 3 * plain.scale


def test_a_kind_the_predictor_does_not_know_is_covered_within_50_answers() -> None:
    inside = []
    for seed in range(12):
        layer, rng = AdaptiveLayer(), RNG(seed)
        for at in range(100):
            said = float(rng.normal(5.5, 0.5))
            (forecast,) = layer.adapt([Prompt("m", words(rng))], raw_forecast(said, known=False))
            tokens = round(float(np.exp(4.0 + 1.0 * rng.standard_normal()))) + 1
            low, high = (forecast.length.quantile(level) for level in (0.1, 0.9))
            inside += [low <= tokens <= high] * (at >= 50)
            layer.learn(forecast, tokens, censored=False)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.05)


def test_a_predictor_without_skill_is_left_within_50_answers() -> None:
    slopes = []
    for seed in range(8):
        layer, rng = AdaptiveLayer(AdaptiveSettings()), RNG(seed)
        for _ in range(50):
            said = float(rng.normal(5.5, 0.7))
            (forecast,) = layer.adapt([Prompt("m", words(rng))], raw_forecast(said))
            layer.learn(forecast, round(float(np.exp(5.5 + 0.5 * rng.normal()))), censored=False)
        low, high = layer.adapt([PLAIN, PLAIN], raw_forecast(5.0, 6.0))
        slopes.append(high.location - low.location)
    assert np.mean(slopes) < 0.25
