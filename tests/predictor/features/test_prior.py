"""Stated priors: plausible for single requests, in the right order for demands."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.features.definition import Prompt, extract
from predictor.features.demand_words import FORMS
from predictor.features.prior import Prior, priors
from predictor.features.prior_table import LINES
from tests.predictor.features.requests import LADDERS, REQUESTS

TEXT = "The council met on Tuesday and heard from residents for three hours. "


def prior(*prompts: Prompt) -> Prior:
    features = extract(prompts)
    return priors(features.lexical, features.context)


def tokens(*texts: str) -> list[float]:
    """The expected tokens of each of some messages; NaN for none."""
    location = prior(*(Prompt("m", text) for text in texts)).location
    return [float(value) for value in np.exp(location)]


@pytest.mark.parametrize(("form", "text", "least", "most"), REQUESTS)
def test_the_prior_of_a_request_is_plausible(form: str, text: str, least: int, most: int) -> None:
    assert least <= tokens(text)[0] <= most, form


@pytest.mark.parametrize(("word", "sentence", "free", "detail"), LADDERS)
def test_a_word_is_shorter_than_a_sentence_than_a_free_answer_than_a_detailed_one(
    word: str, sentence: str, free: str, detail: str
) -> None:
    expected = tokens(word, sentence, free, detail)
    assert expected == sorted(expected)
    assert len(set(expected)) == 4


def test_in_detail_and_briefly_move_a_free_answer_but_no_bare_word() -> None:
    free, detail, brief = tokens(
        "Explain tides.", "Explain tides in detail.", "Explain tides briefly."
    )
    assert brief < free < detail
    assert len(set(tokens("Translate: Hallo Welt", "Briefly: translate: Hallo Welt"))) <= 2


@pytest.mark.parametrize(
    "demand",
    [
        "Translate the text into French:\n\n",
        "Correct the spelling and return the full text:\n\n",
        "Übersetze den Text ins Englische:\n\n",
        "Summarise this:\n\n",
    ],
)
def test_an_answer_about_a_long_text_is_longer_than_about_a_short_one(demand: str) -> None:
    short, long = tokens(demand + TEXT * 2, demand + TEXT * 40)
    assert short < long


def test_a_whole_text_is_as_long_as_the_text() -> None:
    (expected,) = tokens("Correct the spelling and return the full text:\n\n" + TEXT * 40)
    assert 0.8 < expected / (len(TEXT) * 40 / 5) < 1.5


def test_a_text_alone_or_an_answer_in_a_frame_is_longer_than_a_bare_one() -> None:
    letter, framed, text = tokens(
        "Reply with the letter of the right option only.",
        "Reply with the letter of the right option only, in this format: [answer]A[end]",
        "Reply only with the text of the clause.",
    )
    assert 2 < letter < 5
    assert 2 * letter < framed < 30
    assert text > 60


def test_a_forced_tool_call_is_shorter_than_a_chat_answer() -> None:
    text = "Explain how the weather will be in Rome."
    found = prior(
        Prompt("m", text, tools=2, forced_tool=True), Prompt("m", text, tools=2), Prompt("m", text)
    )
    assert found.location.tolist() == sorted(found.location)
    assert found.location[0] < found.location[2]


def test_a_call_is_the_longer_the_more_its_request_says() -> None:
    short, long = prior(
        Prompt("m", "Trains to Rome?", tools=2), Prompt("m", TEXT * 8, tools=2)
    ).location
    assert 1.2 < np.exp(long - short) < 5


def test_an_answer_starts_from_the_last_one_but_for_a_firm_demand_and_a_call() -> None:
    turn = Prompt("m", TEXT, turns=2, previous_chars=400)
    short, long = prior(turn, replace(turn, previous_chars=4000)).location
    assert np.exp([short, long]) == pytest.approx([100, 1000], rel=0.02)
    word, call = prior(replace(turn, text="Who? One word."), replace(turn, tools=2)).location
    assert np.exp(word) < 10
    assert 50 < np.exp(call) < 100


def test_more_fields_of_a_schema_make_a_longer_answer() -> None:
    found = prior(
        Prompt("m", TEXT, json=True, schema_fields=2), Prompt("m", TEXT, json=True, schema_fields=9)
    )
    assert found.location[0] < found.location[1]


def test_continue_goes_on_for_about_as_long_as_before() -> None:
    found = prior(
        Prompt("m", "continue", turns=2, previous_chars=400),
        Prompt("m", "continue", turns=2, previous_chars=8000),
    )
    assert found.location[1] - found.location[0] == pytest.approx(np.log(20), abs=0.05)


def test_an_explanation_with_examples_is_longer_than_the_bare_list() -> None:
    listed, explained = tokens("List 3 rivers.", "Explain erosion and give 3 examples.")
    assert 4 * listed < explained


def test_an_answer_from_a_context_is_shorter_than_a_free_explanation() -> None:
    from_context, free = tokens(f"Context: {TEXT * 9}\n\nWhy did they meet?", "Why do people meet?")
    assert from_context < free


def test_a_quoted_article_that_mentions_one_word_demands_none() -> None:
    article = TEXT * 12
    quoted = f"Summarise this:\n\n{article}Some said it in one word, yes or no. {article}"
    assert tokens(quoted)[0] > 60


def test_a_request_without_a_demand_has_no_prior() -> None:
    found = prior(Prompt("m", "Dogs and grapes"))
    assert np.isnan(found.location[0])
    assert np.isnan(found.spread[0])
    assert found.trust[0] == 0


def test_the_more_binding_demand_is_the_more_trusted() -> None:
    found = prior(Prompt("m", "Explain tides. One word."), Prompt("m", "Explain tides."))
    assert found.trust[0] > found.trust[1] > 0


def test_each_line_of_the_table_is_sound() -> None:
    for line in LINES:
        assert 0 < line.trust < 1
        assert 0 < line.spread <= 1.2
        assert line.reason
        assert bool(line.of) == bool(line.per)
    assert set(FORMS) - {"whole", "steps"} <= {form for line in LINES for form in line.forms}


def test_no_requests_have_no_priors() -> None:
    assert prior().location.shape == (0,)
