"""The table of phrases: whole phrases of whole tokens, within one text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.features.phrase_table import PhraseTable
from predictor.features.tokens import tokenise

TABLE = PhraseTable.build({"ab": ["a b", "b"], "abc": ["a b c d e", "x"], "wide": ["一言で", "x"]})


def groups(texts: list[str]) -> list[list[tuple[str, ...]]]:
    """The groups of the phrases that start at each token of each text."""
    tokens = tokenise(texts)
    masks = TABLE.find(tokens, np.arange(len(tokens.text)))
    each = [masks.get(token, 0) for token in range(len(tokens.text))]
    named = [tuple(g for g in TABLE.groups if mask & TABLE.bits(g)) for mask in each]
    spans = zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    return [named[first:last] for first, last in spans]


def test_phrases_of_several_lengths_are_found_where_they_start() -> None:
    assert groups(["A b c D e"]) == [[("ab", "abc"), ("ab",), (), (), ()]]
    assert groups(["答えを一言で"])[0][3] == ("wide",)


def test_a_phrase_of_two_groups_has_both() -> None:
    assert groups(["x"]) == [[("abc", "wide")]]


def test_a_part_of_a_phrase_or_of_a_word_is_no_phrase() -> None:
    assert groups(["a c", "a b c d", "abx", "一言"])[0] == [(), ()]
    assert groups(["abx", "一言"]) == [[()], [(), ()]]


def test_a_phrase_does_not_cross_texts() -> None:
    assert groups(["a", "b"]) == [[()], [("ab",)]]


def test_only_the_given_tokens_start_phrases() -> None:
    tokens = tokenise(["b b b"])
    assert list(TABLE.find(tokens, np.array([1]))) == [1]


def test_phrases_are_found_in_long_texts_as_in_short_ones() -> None:
    """Few tokens are read one by one, many at once."""
    for texts in (["a b c d e x"] * 20, ["b 一言で a b"] * 20, ["a b c d"] * 20 + ["e"]):
        assert groups(texts) == [groups([text])[0] for text in texts]


@given(st.lists(st.text(alphabet="abcdex一言で \n", max_size=12), max_size=5))
def test_a_batch_is_read_as_each_text_alone(texts: list[str]) -> None:
    assert groups(texts) == [groups([text])[0] for text in texts]


def test_more_groups_than_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        PhraseTable.build({str(group): ["a"] for group in range(65)})
