"""The features of a prompt: defined for every text, at a bounded cost."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.features.definition import (
    CONTEXT_NAMES,
    LEXICAL_NAMES,
    Prompt,
    extract,
    feature_hash,
)
from predictor.features.ngrams import BUCKETS


def value(name: str, text: str, **fields: str) -> float:
    features = extract([Prompt("m", text, **fields)])  # type: ignore[arg-type]
    return float(features.lexical[0, LEXICAL_NAMES.index(name)])


@settings(deadline=None)  # the first example loads the word vectors
@given(st.text(alphabet=st.characters(), max_size=300), st.text(max_size=40))
def test_every_text_has_finite_or_missing_features(text: str, system: str) -> None:
    features = extract([Prompt("m", text, system=system)])
    assert features.lexical.shape == (1, len(LEXICAL_NAMES))
    assert not np.isinf(features.lexical).any()
    for found in (features.words, features.runs):
        assert found.offsets[-1] == len(found.buckets) == len(found.counts)
        assert np.all((found.buckets >= 0) & (found.buckets < BUCKETS))
        assert np.all(np.diff(found.buckets) > 0)
        assert np.all(found.counts >= 1)


PIECES = ("0", "a", "-", ".", ")", "\n", "in", "50", "words", "reply", "ok")
LINES = st.lists(st.sampled_from(PIECES), max_size=3).map(" ".join)
"""Texts of what the features look for: words of the lexicon, numbers, and marks of lists."""


@given(st.lists(LINES, min_size=2, max_size=6) | st.lists(st.text(max_size=90), max_size=6))
def test_a_text_has_the_same_features_in_a_batch_as_alone(texts: list[str]) -> None:
    together = extract([Prompt("m", text) for text in texts])
    assert together.lexical.shape == (len(texts), len(LEXICAL_NAMES))
    for at, text in enumerate(texts):
        alone = extract([Prompt("m", text)])
        assert np.array_equal(together.lexical[at], alone.lexical[0], equal_nan=True)
        for many, one in ((together.words, alone.words), (together.runs, alone.runs)):
            part = slice(many.offsets[at], many.offsets[at + 1])
            assert np.array_equal(many.buckets[part], one.buckets)
            assert np.array_equal(many.counts[part], one.counts)


@pytest.mark.parametrize(
    "texts", [["Answer this:\n7", ".gitignore syntax?"], ["Pick:\na", ") b"], ["x", "- y"]]
)
def test_the_last_line_of_a_text_is_read_without_the_next_text(texts: list[str]) -> None:
    together = extract([Prompt("m", text) for text in texts]).lexical
    alone = extract([Prompt("m", texts[0])]).lexical
    assert np.array_equal(together[0], alone[0], equal_nan=True)


def test_long_batches_are_read_in_blocks_with_the_same_result() -> None:
    texts = [f"text {at} of many words, " * 150 for at in range(90)]
    together = extract([Prompt("m", text) for text in texts])
    assert sum(map(len, texts)) > 131_072
    alone = extract([Prompt("m", texts[57])])
    assert np.array_equal(together.lexical[57], alone.lexical[0], equal_nan=True)
    part = slice(together.words.offsets[57], together.words.offsets[58])
    assert np.array_equal(together.words.buckets[part], alone.words.buckets)


def test_lines_are_counted_by_their_first_characters() -> None:
    text = "Pick one:\n\nA) tea\nB) milk\n\n1. hot\n2. cold\n- a\n  * b\n"
    assert value("options", text) == pytest.approx(np.log1p(2))
    assert value("numbered", text) == pytest.approx(np.log1p(2))
    assert value("bullets", text) == pytest.approx(np.log1p(2))
    assert value("blank_lines", text) == pytest.approx(np.log1p(2))
    assert value("log_lines", text) == pytest.approx(np.log1p(9))
    assert value("last_line", text) == pytest.approx(np.log1p(len("  * b")))
    assert value("last_paragraph", text) == pytest.approx(
        np.log1p(len("1. hot\n2. cold\n- a\n  * b"))
    )


def test_a_limit_is_distinguished_from_a_mention() -> None:
    assert value("asked_limit", "Explain tea in 50 words.") == pytest.approx(np.log1p(67.5))
    assert value("asked_limit", "A 50-word text on tea.") == value("asked_limit", "in 50 words")
    assert value("asked_limit", "Is tea hot? Answer yes or no.") < value(
        "asked_limit", "Describe tea in one sentence."
    )
    for text in ("Count the words in a sentence.", "Is tea hot?", "Read 50 lines.", "50 cats"):
        assert np.isnan(value("asked_limit", text)), text


def test_a_limit_in_a_long_text_counts_only_near_the_ends() -> None:
    text = "The river rose. " * 60
    asked = value("asked_limit", "Sum this up in 50 words: " + text)
    assert asked == value("asked_limit", text + "Sum this up in 50 words.") == np.log1p(67.5)
    for other in (text + "It took less than 50 words to say. " + text, "A pair of 2 words." + text):
        assert np.isnan(value("asked_limit", other)), other[:60]


def test_a_demand_for_one_word_of_assent_is_a_limit_however_long_the_text() -> None:
    text = "The river rose. " * 60
    for demand in (
        "Limit your response to 'acknowledged': ",
        "Just reply OK. ",
        "Then say ready. ",
    ):
        assert value("asked_limit", demand + text) == np.log1p(4), demand
        assert value("asked_limit", text + demand) == np.log1p(4), demand
    for other in (
        text + "Then say ready. " + text,
        "Is it ready? Reply soon.",
        "It is ok. " + text,
    ):
        assert np.isnan(value("asked_limit", other)), other[:60]


def test_typographic_quotes_and_dashes_are_read_as_plain_ones() -> None:
    plain = extract([Prompt("m", 'Don\'t say "tea" - ever')])
    fine = extract([Prompt("m", "Don\u2019t say \u201ctea\u201d \u2013 ever")])
    assert np.array_equal(plain.lexical, fine.lexical, equal_nan=True)
    assert np.array_equal(plain.words.buckets, fine.words.buckets)


def test_the_other_fields_of_a_request_are_features() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello there"},
            {"role": "user", "content": "Tea?"},
        ],
        "tools": [{"type": "function"}, {"type": "function"}],
        "response_format": {"type": "json_schema", "json_schema": {}},
        "chat_template_kwargs": {"enable_thinking": False},
        "max_tokens": 99,
        "temperature": 0.5,
    }
    row = dict(zip(CONTEXT_NAMES, extract([Prompt.from_request(body)]).context[0], strict=True))
    assert row["turns"] == 2
    assert row["tools"] == 2
    assert row["json"] == 1
    assert row["reasoning"] == 0
    assert row["log_history"] > np.log1p(10)
    assert row["log_previous"] == pytest.approx(np.log(12))
    assert row["log_tools"] > row["log_schema"]
    assert row["log_max_tokens"] == pytest.approx(np.log(100))
    assert np.isnan(row["top_p"])


def test_an_explicit_length_is_read_in_digits_and_in_words() -> None:
    fifty = value("asked_tokens", "Explain tea in 50 words.")
    assert fifty == value("asked_tokens", "Explain tea in fifty words.")
    assert fifty < value("asked_tokens", "Write three short paragraphs on tea.")
    assert np.isnan(value("asked_tokens", "Explain tea."))
    assert value("asked_items", "Give me five tips.") == np.log1p(5)


def test_a_limit_in_the_system_message_counts_too() -> None:
    asked = value("asked_tokens", "Explain tea.", system="Answer in one sentence.")
    assert asked == value("asked_tokens", "Explain tea in one sentence.")


def test_phrases_and_words_of_a_group_add_up() -> None:
    assert value("group closed", "Is tea hot? Yes or no?") == 1
    assert value("group short", "Be brief and concise, in short") == 4  # "short" counts twice
    assert value("count `", "```\ncode\n```") == pytest.approx(np.log1p(6))


def test_words_are_the_same_whatever_digits_they_have_and_differ_by_order() -> None:
    def words(text: str) -> list[int]:
        return [int(bucket) for bucket in extract([Prompt("m", text)]).words.buckets]

    assert words("case 123") == words("CASE 987")
    assert words("dog bites man") != words("man bites dog")


def test_only_the_ends_of_a_long_text_are_read() -> None:
    middle = "the middle of it " * 2_000
    long = extract([Prompt("m", "start " * 600 + middle + "end " * 600, chars=9)])
    other = extract([Prompt("m", "start " * 600 + middle[::-1] + "end " * 600, chars=9)])
    assert np.array_equal(long.words.buckets, other.words.buckets)
    assert np.array_equal(long.lexical, other.lexical, equal_nan=True)


def test_the_hash_is_the_same_in_another_process() -> None:
    code = "from predictor.features.definition import feature_hash; print(feature_hash())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == feature_hash()
