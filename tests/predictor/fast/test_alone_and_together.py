"""The model that ships forecasts a request alone as in a batch, of whatever kind and language."""

import numpy as np
import pytest

from predictor import LengthPredictor, Prompt
from predictor.features.definition import LEXICAL_NAMES, TextFeatures, extract
from tests.predictor.features.requests import REQUESTS

MODELS = ("", "qwen2.5-7b-instruct", "llama-3.2-1b-base", "alias", "deepseek-r1")
LINES = "Sort these:\n\n1. tea\n2) milk\n\n- a\n  * b\n\tc) five words\n\n\nWhy? 'No.' End.\n"
TEXTS = (
    "",
    "?",
    "\n",
    "Hi!",
    "Tell me in 50",
    "words of tea: one",
    "sentence of milk.",
    LINES,
    LINES * 40,  # clipped
    "a) b\n\n" * 30 + "In at least 300 to 500 words, please. Not a list.",
    "日本語で、三行以内で答えて。\n1. はい\n\n" * 9 + "？",
    "Où est-il ? «Ici.» 5 000 mots… 😀\n" * 3,
    "x = f(a_b[0])  # 10**9\n" * 50,
)
PROMPTS = [Prompt(MODELS[at % 5], text) for at, text in enumerate(TEXTS)]
PROMPTS += [Prompt(MODELS[at % 5], text) for at, (_, text, *_) in enumerate(REQUESTS)]
PROMPTS += [
    Prompt("alias", "And now?", turns=3, chars=900, previous_chars=700, tools=2, tool_results=1),
    Prompt("qwen3-8b", "Go on.", system="Answer in one word.", reasoning=1.0, json=True),
    Prompt("alias", "Label it.", last_role="tool", answer_limit=4, schema_chars=90, max_tokens=50),
]


@pytest.fixture(scope="module")
def shipped() -> LengthPredictor:
    return LengthPredictor.load()


def test_features_are_the_same_to_the_last_bit() -> None:
    together = extract(PROMPTS)
    alone = [extract([prompt]) for prompt in PROMPTS]
    for name in ("lexical", "context", "vectors"):
        one = np.concatenate([getattr(each, name) for each in alone])
        assert np.array_equal(one, getattr(together, name), equal_nan=True)
    for at, each in enumerate(alone):
        assert _counts(each, 0) == _counts(together, at)
    assert together.lexical.shape == (len(PROMPTS), len(LEXICAL_NAMES))


def _counts(features: TextFeatures, row: int) -> list[list[int]]:
    parts = (each.part(row, row + 1) for each in (features.words, features.runs))
    return [numbers.tolist() for part in parts for numbers in (part.buckets, part.counts)]


def test_forecasts_are_the_same_but_for_the_order_of_sums(shipped: LengthPredictor) -> None:
    """Matrix products of one row and of many add single-precision numbers in another order."""
    together = shipped.raw_forecasts(PROMPTS)
    for at, prompt in enumerate(PROMPTS):
        alone, row = shipped.raw_forecasts([prompt]), together.rows(slice(at, at + 1))
        for name in ("location", "scale", "shape", "endless"):
            assert getattr(alone, name) == pytest.approx(getattr(row, name), rel=1e-4), prompt
