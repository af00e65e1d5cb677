"""Huge lengths: demands beyond what models write in one answer."""

import numpy as np
import pytest

from predictor.features.asked_length import MOST
from predictor.features.definition import Prompt, extract
from predictor.features.prior import priors
from tests.predictor.features.asked import limit


@pytest.mark.parametrize(
    "text",
    [
        "Write a million words on owls.",
        "Write 2 million words on owls.",
        "Write two billion words on owls.",
        "Schreibe eine Million Wörter über Eulen.",
        "Écris deux millions de mots sur les hiboux.",
        "Escribe un millón de palabras sobre búhos.",
        "Escreva um milhão de palavras sobre corujas.",
        "Напиши миллион слов о совах.",
        "اكتب مليون كلمة عن البوم.",
        "उल्लू पर दस लाख शब्द लिखो।",
        "写一亿字的小说。",
        "1億字の小説を書いて。",
        "Write a 900 page novel.",
    ],
)
def test_a_huge_length_is_the_most_that_can_be_asked(text: str) -> None:
    assert limit(text) == pytest.approx(MOST)


@pytest.mark.parametrize(
    "text", ["Write a 900 page novel.", "Write at least 80,000 words about owls."]
)
def test_an_answer_to_a_huge_demand_may_be_far_shorter(text: str) -> None:
    features = extract([Prompt("m", text), Prompt("m", "Write 4,000 words about owls.")])
    prior = priors(features.lexical, features.context)
    assert np.exp(prior.location[0]) < MOST / 2
    assert prior.spread[0] >= 2 * prior.spread[1]
