"""Forecasts of the fast tier: order, calibration, truncation and unseen models."""

import json
from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor, Prompt, quantiles
from predictor.data import castillo, splits
from predictor.evaluation.scores import coverage, kendall_tau
from predictor.raw_forecast import ATOMS
from tests.predictor.small_castillo import BOUND, FREE, LEVEL

TEXTS = ["What is tea? Case 7.", "List 9 tips about bees, number 8.", "", "日本語 " * 3000]


def test_a_batch_is_answered_in_order_and_like_single_prompts(
    small_predictor: LengthPredictor,
) -> None:
    prompts = [Prompt(model, text) for text in TEXTS for model in (*FREE, "alias")]
    together = small_predictor.predict(prompts)
    for prompt, forecast in zip(prompts, together, strict=True):
        (alone,) = small_predictor.predict([prompt])
        assert forecast.tokens == pytest.approx(alone.tokens, rel=1e-4)
    assert small_predictor.predict([]) == []


def test_a_forecast_has_nineteen_increasing_quantiles(small_predictor: LengthPredictor) -> None:
    for forecast in small_predictor.predict([Prompt(FREE[0], text) for text in TEXTS]):
        levels = quantiles(forecast)
        assert list(levels) == [str(round(0.05 * step, 2)) for step in range(1, 20)]
        assert list(levels.values()) == sorted(levels.values())
        assert 1 <= levels["0.05"] < levels["0.95"]
        assert len(forecast.tokens) <= ATOMS


def test_max_tokens_cuts_the_forecast(small_predictor: LengthPredictor) -> None:
    essay = "Write a long essay on tea with part 9, please."
    free, cut = small_predictor.predict(
        [Prompt(FREE[0], essay), Prompt(FREE[0], essay, max_tokens=100)]
    )
    assert free.mean > 300
    assert cut.tokens[-1] == 100
    assert cut.quantile(0.05) > 99
    assert cut == free.capped(100)


def test_more_requested_items_give_a_longer_forecast(small_predictor: LengthPredictor) -> None:
    few, many = small_predictor.predict(
        [Prompt(FREE[0], f"List {n} tips about tea, number 5.") for n in (2, 11)]
    )
    assert many.mean > 2 * few.mean


def test_a_stated_limit_moves_the_forecast_without_any_in_the_training_data(
    small_predictor: LengthPredictor,
) -> None:
    essay = "Write a long essay on tea with part 9, please"
    asked = ("in 10 words", "in 100 words", "in 900 words")
    short, middle, long = small_predictor.predict(
        [Prompt(FREE[0], f"{essay}, {w}.") for w in asked]
    )
    (free,) = small_predictor.predict([Prompt(FREE[0], f"{essay}.")])
    assert short.quantile(0.5) < middle.quantile(0.5) < free.quantile(0.5)
    assert middle.quantile(0.5) < long.quantile(0.5)
    told = Prompt(FREE[0], f"{essay}.", system="Answer in at most 20 words.")
    assert small_predictor.predict([told])[0].quantile(0.5) < middle.quantile(0.5)


def test_fields_that_say_nothing_of_the_length_do_not_change_the_forecast(
    small_predictor: LengthPredictor,
) -> None:
    plain = Prompt(FREE[0], TEXTS[0])
    odd = Prompt(
        FREE[0],
        TEXTS[0],
        temperature=1.5,
        top_p=0.1,
        reasoning=1.0,  # the model cannot think
    )
    first, second = small_predictor.predict([plain, odd])
    assert first == second


def test_a_forced_tool_and_a_label_are_short_without_any_in_the_training_data(
    small_predictor: LengthPredictor,
) -> None:
    essay = "Write a long essay on tea with part 9, please."
    free, tool, word = small_predictor.predict(
        [
            Prompt(FREE[0], essay),
            Prompt(FREE[0], essay, tools=1, forced_tool=True),
            Prompt(FREE[0], "What is tea? Answer in one word."),
        ]
    )
    assert tool.quantile(0.5) < 0.5 * free.quantile(0.5)
    assert word.quantile(0.9) < 20


def test_a_model_that_thinks_is_longer_than_the_same_model_told_not_to(
    small_predictor: LengthPredictor,
) -> None:
    off, low, high = small_predictor.predict(
        [Prompt("qwen3-8b", TEXTS[0], reasoning=effort) for effort in (0.0, 0.3, 1.0)]
    )
    assert 1.2 * off.quantile(0.5) < low.quantile(0.5)
    assert 2 * low.quantile(0.5) < high.quantile(0.5)


def test_a_request_unlike_all_training_data_gets_a_wider_interval(
    small_predictor: LengthPredictor,
) -> None:
    def width(prompt: Prompt) -> float:
        (forecast,) = small_predictor.predict([prompt])
        return forecast.quantile(0.9) / forecast.quantile(0.1)

    usual = Prompt(FREE[0], "What is clouds? Case 35.")
    strange = Prompt(FREE[0], "日本語でお茶について：`f(x) -> {x | 1};` <b>№ 7</b>\n" * 9)
    assert width(strange) > 1.3 * width(usual)


def test_the_central_80_percent_hold_80_percent_of_held_out_lengths(
    small_predictor: LengthPredictor, small_data: Path
) -> None:
    records = castillo.read_castillo(small_data)
    threshold = small_predictor.manifest["held_out"]["threshold"]
    held = records.of_prompts(splits.held_out(records, threshold))
    prompts = [
        Prompt(held.models[model], held.texts[prompt])
        for prompt, model in zip(held.prompt, held.model, strict=True)
    ]
    forecasts = small_predictor.predict(prompts)
    low = np.array([forecast.quantile(0.1) for forecast in forecasts])
    high = np.array([forecast.quantile(0.9) for forecast in forecasts])
    mean = np.array([forecast.mean for forecast in forecasts])
    assert len(held.texts) == 60
    assert coverage(low, high, held.tokens) == pytest.approx(0.8, abs=0.06)
    assert kendall_tau(mean, held.tokens) > 0.7


def test_all_names_that_say_nothing_get_one_generic_forecast(
    small_predictor: LengthPredictor,
) -> None:
    names = ("alias", "prod-7", "", "x" * 5000)
    forecasts = small_predictor.predict([Prompt(name, TEXTS[0]) for name in names])
    assert len(set(forecasts)) == 1
    known = small_predictor.predict([Prompt(name, TEXTS[0]) for name in LEVEL])
    assert not set(forecasts) & set(known)
    assert forecasts[0].quantile(0.9) / forecasts[0].quantile(0.1) > max(
        forecast.quantile(0.9) / forecast.quantile(0.1) for forecast in known
    )


def test_unknown_names_that_say_size_or_family_get_forecasts_of_their_own(
    small_predictor: LengthPredictor,
) -> None:
    names = ("alias", "zeta-70b-instruct", "zeta-1b-base", "phi-4", "deepseek-r1")
    forecasts = small_predictor.predict([Prompt(name, TEXTS[0]) for name in names])
    assert len(set(forecasts)) == len(names)


def test_an_unseen_model_of_a_known_family_starts_from_its_relatives(
    small_predictor: LengthPredictor,
) -> None:
    short, tall = small_predictor.predict(
        [Prompt(name, TEXTS[0]) for name in ("google/gemma-2-2b-it", "mistralai/Mistral-Nemo")]
    )
    assert LEVEL[BOUND[0]] < LEVEL[FREE[1]]
    assert short.quantile(0.5) < tall.quantile(0.5)


def test_a_quantised_copy_is_its_model(small_predictor: LengthPredictor) -> None:
    copy, original = small_predictor.predict(
        [Prompt(name, TEXTS[1]) for name in ("qwen2.5-7b-instruct-awq", FREE[0])]
    )
    assert copy == original


def test_the_manifest_tells_what_was_trained_on_and_measured(small_model: Path) -> None:
    manifest = json.loads((small_model / "manifest.json").read_text())
    assert manifest["held_out"]["prompts"] == 60
    assert manifest["training_prompts"] == 320 - 60
    assert set(manifest["metrics"]) == {"mean", *LEVEL}
    figures = manifest["metrics"]["mean"]
    assert figures["tau"] > 0.67
    assert figures["coverage"] == pytest.approx(0.8, abs=0.06)
    card = (small_model / "README.md").read_text()
    assert "| ShareGPT of CASTILLO | unclear |" in card
    sources = manifest["sources"]
    assert set(sources) == {"Alpaca", "DollyDataset", "Mbpp", "ShareGPT"}
    assert sum(facts["share"] for facts in sources.values()) == pytest.approx(1, abs=0.001)
    assert sum(facts["prompts"] for facts in sources.values()) == manifest["training_prompts"]
    assert sum(facts["samples"] for facts in sources.values()) == manifest["training_samples"]
    assert manifest["held_out"]["threshold"] in card
