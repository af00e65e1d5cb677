import json

import pytest

from predictor.artefact.format import ArtefactError
from predictor.refined.word_pieces import HEAD_CHARS, TAIL_CHARS, WordPieces, clip_ends, prune
from tests.predictor.training.refined import tiny

pytest.importorskip("tokenizers", reason="tokenizers is missing, run: pip install tokenizers")


def pieces(text: str, definition: str, *, limit: int = 24) -> list[str]:
    names = {at: piece for piece, at in json.loads(definition)["model"]["vocab"].items()}
    return [names[at] for at in WordPieces(definition, limit=limit)([text])[0].tolist()]


def test_a_short_text_is_read_whole() -> None:
    assert clip_ends("Write a poem.") == "Write a poem."


def test_the_beginning_and_the_end_of_a_long_text_are_read() -> None:
    text = "".join(chr(ord("a") + at % 26) for at in range(5000))
    kept = clip_ends(text)
    assert kept == text[:HEAD_CHARS] + "\n" + text[-TAIL_CHARS:]


def test_a_text_becomes_word_pieces_between_two_marks() -> None:
    found = pieces("Write a poem about numbers", tiny.tokenizer())
    assert found == ["[CLS]", "write", "a", "poem", "about", "number", "##s", "[SEP]"]


def test_a_long_text_keeps_the_pieces_of_its_head_and_tail() -> None:
    found = pieces("write a poem about the sea . . . . . . sort a list", tiny.tokenizer(), limit=7)
    assert found == ["[CLS]", "write", "a", "poem", "a", "list", "[SEP]"]


def test_an_empty_text_still_has_its_marks() -> None:
    assert pieces("", tiny.tokenizer()) == ["[CLS]", "[SEP]"]


def test_pruning_keeps_pieces_that_occur_and_splits_other_words() -> None:
    definition, kept = prune(tiny.tokenizer(), ["write a list of numbers"])
    assert pieces("write a poem", definition) == [
        *("[CLS]", "write", "a", "p", "##o", "##e", "##m", "[SEP]")
    ]
    old = list(tiny.PIECES)
    vocabulary = json.loads(definition)["model"]["vocab"]
    assert all(old[before] == piece for piece, before in zip(vocabulary, kept, strict=True))
    assert "[PAD]" in vocabulary
    assert vocabulary["[PAD]"] == 0


def test_a_rare_piece_is_dropped_if_more_occurrences_are_required() -> None:
    texts = ["write a poem", "write a list"]
    vocabulary = json.loads(prune(tiny.tokenizer(), texts, least=2)[0])["model"]["vocab"]
    assert "write" in vocabulary
    assert "poem" not in vocabulary


def test_a_file_that_is_no_tokenizer_is_refused_with_the_remedy() -> None:
    with pytest.raises(ArtefactError, match="lengthwise train --encoder"):
        WordPieces("{}", limit=24)


def test_a_limit_that_leaves_no_room_for_text_is_refused() -> None:
    with pytest.raises(ArtefactError, match="limit"):
        WordPieces(tiny.tokenizer(), limit=3)
