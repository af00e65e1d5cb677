"""Near-duplicates: what is alike, what is not, in any script."""

import random

from predictor.data import near_duplicates

_WORDS = [f"word{at}" for at in range(500)]


def _text(seed: int, count: int = 40) -> list[str]:
    return random.Random(seed).choices(_WORDS, k=count)


def test_texts_that_share_most_of_their_words_are_one_group() -> None:
    first = _text(1)
    second = [*first[:-2], "other", "end"]
    group = near_duplicates.groups([" ".join(first), " ".join(second), " ".join(_text(2))])
    assert group[0] == group[1] != group[2]


def test_case_and_punctuation_do_not_count() -> None:
    one, two, other = near_duplicates.groups(["What is tea?", "what is TEA", "What is chess?"])
    assert one == two != other


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    text = "以下の会話を要約してください。今日は天気がとても良いです。"
    one, two, other = near_duplicates.groups(
        [text, text.replace("とても", "大変"), "日本の首都はどこですか。教えてください。"]
    )
    assert one == two != other


def test_texts_of_one_template_are_one_group_if_it_is_most_of_them() -> None:
    template = " ".join(_text(0, 40))
    few = [f"{template} {' '.join(_text(seed, 4))}" for seed in (1, 2)]
    much = [f"{template} {' '.join(_text(seed, 80))}" for seed in (3, 4)]
    group = near_duplicates.groups([*few, *much])
    assert group[0] == group[1]
    assert len(set(group[1:])) == 3


def test_equal_texts_are_one_group() -> None:
    assert near_duplicates.groups(["", "a", "", "a"]).tolist() == [0, 1, 0, 1]
