"""Features: defined for every text, bounded in cost, and meaning what their names say."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.features import LEXICAL_NAMES, Prompt, extract, feature_hash
from predictor.ngrams import BUCKETS


def value(name: str, text: str, **fields: str) -> float:
    features = extract([Prompt("m", text, **fields)])  # type: ignore[arg-type]
    return float(features.lexical[0, LEXICAL_NAMES.index(name)])


@given(st.text(alphabet=st.characters(), max_size=300), st.text(max_size=40))
def test_every_text_has_finite_or_missing_features(text: str, system: str) -> None:
    features = extract([Prompt("m", text, system=system)])
    assert features.lexical.shape == (1, len(LEXICAL_NAMES))
    assert not np.isinf(features.lexical).any()
    for buckets, counts in (*features.words, *features.runs):
        assert len(buckets) == len(counts)
        assert np.all((buckets >= 0) & (buckets < BUCKETS))
        assert np.all(np.diff(buckets) > 0)
        assert np.all(counts >= 1)


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
    assert value("fences", "```\ncode\n```") == pytest.approx(np.log1p(2))


def test_words_are_the_same_whatever_digits_they_have_and_differ_by_order() -> None:
    def words(text: str) -> list[int]:
        return [int(bucket) for bucket in extract([Prompt("m", text)]).words[0][0]]

    assert words("case 123") == words("CASE 987")
    assert words("dog bites man") != words("man bites dog")


def test_only_the_ends_of_a_long_text_are_read() -> None:
    middle = "the middle of it " * 2_000
    long = extract([Prompt("m", "start " * 600 + middle + "end " * 600, chars=9)])
    other = extract([Prompt("m", "start " * 600 + middle[::-1] + "end " * 600, chars=9)])
    assert np.array_equal(long.words[0][0], other.words[0][0])
    assert np.array_equal(long.lexical, other.lexical, equal_nan=True)


def test_the_hash_is_the_same_in_another_process() -> None:
    code = "from predictor.features import feature_hash; print(feature_hash())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == feature_hash()
