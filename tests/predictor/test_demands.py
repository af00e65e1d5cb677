"""Demands move the forecasts of the model that ships, one by one and in the languages of people."""

from __future__ import annotations

import pytest

from predictor import Prompt
from predictor.evaluation import scores
from predictor.fast.predictor import Predictor
from predictor.refined.tiers import TIERS, load_predictor
from tests.predictor.features.requests import LADDERS

ALIAS = "prod-chat"
MODELS = (ALIAS, "Qwen/Qwen2.5-14B-Instruct")


@pytest.fixture(scope="module", params=TIERS)
def shipped(request: pytest.FixtureRequest) -> Predictor:
    return load_predictor(None, request.param)


def medians(predictor: Predictor, *prompts: Prompt) -> list[float]:
    found: list[float] = scores.quantile(*predictor.atoms(prompts), 0.5).tolist()
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("word", "sentence", "free", "detail"), LADDERS)
def test_a_word_is_shorter_than_a_sentence_than_a_free_answer_than_a_detailed_one(
    shipped: Predictor, model: str, word: str, sentence: str, free: str, detail: str
) -> None:
    found = medians(shipped, *(Prompt(model, text) for text in (word, sentence, free, detail)))
    assert 2 * found[0] < found[1]
    assert 2 * found[1] < found[2]
    assert found[3] > 0.8 * found[2]


@pytest.mark.parametrize("model", MODELS)
def test_details_are_longer_in_most_languages(shipped: Predictor, model: str) -> None:
    pairs = [
        medians(shipped, Prompt(model, free), Prompt(model, detail)) for *_, free, detail in LADDERS
    ]
    assert sum(detail > free for free, detail in pairs) >= 8


@pytest.mark.parametrize("model", MODELS)
def test_a_stated_length_is_the_same_however_it_is_written(shipped: Predictor, model: str) -> None:
    same = (
        "Write an essay of 2,000 words on tides.",
        "Write an essay of two thousand words on tides.",
        "Write a 2000-word essay on tides.",
    )
    first, *others = medians(shipped, *(Prompt(model, text) for text in same))
    assert others == pytest.approx([first, first], rel=0.1)
    (shorter,) = medians(shipped, Prompt(model, "Write an essay of 300 words on tides."))
    assert 2 * shorter < first


def test_more_thinking_is_longer(shipped: Predictor) -> None:
    off, low, high = medians(
        shipped,
        *(Prompt("Qwen/Qwen3-8B", "Why is the sky blue?", reasoning=e) for e in (0.0, 0.3, 1.0)),
    )
    assert off < low < high


@pytest.mark.parametrize("model", MODELS)
def test_a_forced_tool_is_shorter_than_chat(shipped: Predictor, model: str) -> None:
    text = "What is the weather like in Oslo tomorrow, and what should I wear?"
    chat, forced = medians(
        shipped, Prompt(model, text), Prompt(model, text, tools=1, forced_tool=True)
    )
    assert forced < 0.7 * chat


def test_unknown_names_of_other_sizes_and_families_get_other_forecasts(shipped: Predictor) -> None:
    names = ("alias", "acme-1b-instruct", "acme-70b-instruct", "gemma-2-27b-it", "deepseek-r1")
    found = medians(shipped, *(Prompt(name, "Why is the sky blue?") for name in names))
    assert len(set(found)) == len(names)


def test_an_unfamiliar_request_has_a_wider_interval(shipped: Predictor) -> None:
    usual = Prompt(MODELS[1], "Write a Python function that returns the sum of a list.")
    strange = Prompt(MODELS[1], "ᚠᚢᚦᚨᚱᚲ " * 30 + "ꦲꦤꦕꦫꦏ " * 30)
    atoms, mass = shipped.atoms([usual, strange])
    low, high = (scores.quantile(atoms, mass, level) for level in (0.1, 0.9))
    assert high[1] / low[1] > 1.5 * high[0] / low[0]


def test_a_long_answer_is_not_capped(shipped: Predictor) -> None:
    prompt = Prompt(ALIAS, "Write a story of 20,000 words about a lighthouse.")
    assert shipped.atoms([prompt])[0].max() > 15_000
