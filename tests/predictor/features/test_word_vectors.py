"""Mean word vectors, and the table that they come from."""

from pathlib import Path

import numpy as np

from predictor.arrays import Single
from predictor.features import tokens
from predictor.features.word_vectors import PARTS, SIZE, WordTable, mean_vectors, shipped_table
from predictor.training import word_vectors


def vectors(*texts: str) -> Single:
    return mean_vectors(tokens.tokenise(texts))


def alike(one: str, other: str) -> float:
    left, right = vectors(one, other)[:, :SIZE]
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def test_words_of_similar_meaning_have_similar_vectors() -> None:
    assert alike("poem", "poetry") > alike("poem", "algorithm")
    assert alike("Compose verses on the ocean", "Write a poem about the sea") > alike(
        "Compose verses on the ocean", "Sort a list of integers in Java"
    )


def test_a_text_without_known_words_has_zero_vectors() -> None:
    assert vectors("", "qqzzxw vvkkjj").tolist() == [[0.0] * PARTS * SIZE] * 2


def test_a_text_has_the_same_mean_vectors_in_a_batch_and_alone() -> None:
    texts = ["", "Write a poem", "qqzzxw", "Sort a list of numbers " * 9, ""]
    together = vectors(*texts)
    for at, text in enumerate(texts):
        assert np.allclose(together[at], vectors(text)[0], atol=1e-6)


def test_the_first_words_have_a_mean_of_their_own() -> None:
    start = "Write a poem about the sea and of the ships on it and the moon above us all"
    one, other = vectors(start + " for me. " * 9, start + " in Java code. " * 9)
    assert np.allclose(one[SIZE:], other[SIZE:], atol=1e-6)
    assert not np.allclose(one[:SIZE], other[:SIZE], atol=1e-3)


def test_a_slot_keeps_the_more_frequent_of_two_words() -> None:
    words = shipped_table()
    known = np.flatnonzero(words.slots)
    assert 0.9 < len(known) / (len(words.hashes) - 1) <= 1
    assert words.find(words.hashes[1:200]).tolist() == list(range(1, 200))


def test_a_table_is_made_of_whole_words_and_read_again(tmp_path: Path) -> None:
    words = word_vectors.whole_words(["[PAD]", "!", "the", "##ing", "poem", "in-depth", "!"], 9)
    assert words == ["!", "the", "poem"]
    frequency = word_vectors.zipf_frequencies(words)
    weights = word_vectors.word_weights(words, frequency)
    assert weights[1] < weights[2]
    embeddings = np.random.default_rng(0).normal(size=(3, 60)).astype(np.float32)
    vectors = word_vectors.principal_components(embeddings, frequency, SIZE)
    made = WordTable.build(words, np.pad(vectors, ((0, 0), (0, SIZE - vectors.shape[1]))), weights)
    assert made.find(tokens.tokenise(["poem unknown"]).hashes).tolist() == [3, 0]
