"""Stated lengths: numbers, units, bounds and lists, in the ways and languages that people use."""

import numpy as np
import pytest

from predictor.features.definition import Prompt, extract
from tests.predictor.features.asked import asked, limit

SAME_LENGTH = {
    "English": [
        "Write an essay of 2,000 words on tides.",
        "Write an essay of two thousand words on tides.",
        "Write a 2000-word essay on tides.",
        "Write a two-thousand-word essay on tides.",
        "Write a 2k word essay on tides.",
        "Write about tides. 2,000 words.",
    ],
    "German": [
        "Schreibe einen Aufsatz mit 2.000 Wörtern.",
        "Schreibe einen Aufsatz mit zweitausend Wörtern.",
    ],
    "French": ["Rédige un texte de 2 000 mots.", "Rédige un texte de deux mille mots."],
    "Spanish": [
        "Redacta un ensayo de 1500 palabras.",
        "Redacta un ensayo de mil quinientas palabras.",
    ],
    "Portuguese": ["Escreva um texto de 200 palavras.", "Escreva um texto de duzentas palavras."],
    "Russian": ["Напиши рассказ в 200 слов.", "Напиши рассказ в двести слов."],
    "Chinese": [
        "写一篇2000字的短文。",
        "写一篇两千字的短文。",
        "写一篇短文，字数2000。",
        "写一篇２０００字的短文。",
    ],
    "Japanese": ["潮について300字で書いて。", "潮について三百字で書いて。"],
    "Korean": ["조수에 대해 300자로 써 줘.", "조수에 대해 삼백 자로 써 줘."],
    "Hindi": ["ज्वार पर 200 शब्दों में लिखो।", "ज्वार पर २०० शब्दों में लिखो।", "ज्वार पर दो सौ शब्दों में लिखो।"],
    "Arabic": ["اكتب مقالا في 100 كلمة.", "اكتب مقالا في ١٠٠ كلمة.", "اكتب مقالا في مئة كلمة."],
}


@pytest.mark.parametrize("language", SAME_LENGTH)
def test_a_length_is_the_same_however_it_is_written(language: str) -> None:
    first, *others = (asked(text) for text in SAME_LENGTH[language])
    assert first["asked_limit"] > 50
    assert first["asked_tokens"] == first["asked_limit"]
    for other in others:
        assert other == pytest.approx(first, nan_ok=True)


@pytest.mark.parametrize(
    "text",
    [
        "Describe a harbour in no more than 100 words.",
        "Describe a harbour in 100 words or less.",
        "Beschreibe einen Hafen in höchstens 100 Wörtern.",
        "Décris un port en 100 mots maximum.",
        "Describe un puerto en no más de 100 palabras.",
        "Descreva um porto em no máximo 100 palavras.",
        "Опиши гавань, не более 100 слов.",
        "صف الميناء بما لا يزيد عن 100 كلمة.",
        "用不超过100字介绍港口。",
        "港について100字以内で説明して。",
        "항구를 100자 이내로 설명해 줘.",
    ],
)
def test_an_upper_bound_is_a_limit(text: str) -> None:
    found = asked(text)
    assert 70 <= found["asked_limit"] <= 250
    assert np.isnan(found["asked_low"])


@pytest.mark.parametrize(
    "text",
    [
        "Write at least 500 words about a harbour.",
        "Write 500 words or more about a harbour.",
        "Schreibe mindestens 500 Wörter über einen Hafen.",
        "Écris au moins 500 mots sur un port.",
        "Escribe al menos 500 palabras sobre un puerto.",
        "Escreva pelo menos 500 palavras sobre um porto.",
        "Напиши не менее 500 слов о гавани.",
        "اكتب ما لا يقل عن 500 كلمة عن الميناء.",
        "写一篇关于港口的文章，不少于500字。",
        "港について500字以上で書いて。",
        "항구에 대해 500자 이상 써 줘.",
        "बंदरगाह पर कम से कम 500 शब्द लिखो।",
    ],
)
def test_a_lower_bound_is_no_limit(text: str) -> None:
    found = asked(text)
    assert 370 <= found["asked_low"] <= 1250
    assert np.isnan(found["asked_limit"])


@pytest.mark.parametrize(
    "text",
    [
        "Give me five ways to cross a river.",
        "Name five rivers.",
        "List the 5 longest rivers.",
        "Nenne 5 Gründe für Deiche.",
        "Donne-moi cinq idées.",
        "Dame 5 consejos.",
        "Me dê 5 dicas.",
        "Назови 5 причин.",
        "اذكر 5 أسباب.",
        "列出五个港口",
        "アイデアを5つ挙げて",
        "방법 5가지 알려 줘",
        "5 तरीके बताओ",
    ],
)
def test_the_items_of_a_list_are_read(text: str) -> None:
    assert asked(text)["asked_items"] == pytest.approx(5)


@pytest.mark.parametrize(
    "text",
    [
        "What happened in 1914?",
        "In 1914 many words of the treaty were read aloud.",
        "The tickets cost $300, pages included?",
        "Is it true that 40% of words are nouns?",
        "Explain version 3 lines of the licence.",
        "The novel has 80,000 words. Is that much?",
        "His string has 100 characters. Which one is the last?",
        "这本书有300页吗？",
        "이 문장 고쳐 줘",
        "第3段を直して",
    ],
)
def test_other_numbers_are_no_lengths(text: str) -> None:
    found = asked(text)
    assert np.isnan(found["asked_limit"])
    assert np.isnan(found["asked_low"])


def test_a_length_of_each_part_counts_for_all_parts() -> None:
    one = limit("Explain tides in one sentence.")
    assert limit("Give me 5 tips, each in one sentence.") == pytest.approx(5 * one)
    assert limit("Write 3 paragraphs of 100 words each.") == pytest.approx(
        limit("Write 300 words about tides.")
    )


def test_a_range_means_its_middle_and_its_lower_end() -> None:
    for text in ("Write 300-500 words on tides.", "Write between 300 and 500 words on tides."):
        found = asked(text)
        assert found["asked_limit"] == pytest.approx(limit("Write 400 words on tides."))
        assert found["asked_low"] == pytest.approx(limit("Write 300 words on tides."))


def test_units_are_ordered_by_their_size() -> None:
    units = ("characters", "words", "lines", "sentences", "paragraphs", "pages")
    limits = [limit(f"Write 3 {unit} about tides.") for unit in units]
    assert limits == sorted(limits)
    assert limits[-1] == limit("Write a three-page report about tides.")
    assert limit("Write a 5-minute speech about tides.") == pytest.approx(5 * 175)
    assert np.isnan(limit("Can I boil an egg in 5 minutes?"))


def test_the_length_of_the_whole_answer_counts() -> None:
    whole = limit("Write an essay of 900 words.")
    assert limit("Write an essay of 900 words with an introduction of 3 sentences.") == whole
    bounded = limit("Describe tides in 3 paragraphs, at most 100 words.")
    assert bounded == limit("Describe tides in at most 100 words.")


def test_a_number_at_the_end_of_a_text_does_not_count_the_next_text() -> None:
    together = extract([Prompt("m", text) for text in ("Add 50 a", "words of it")]).lexical
    assert np.array_equal(
        together[0], extract([Prompt("m", "Add 50 a")]).lexical[0], equal_nan=True
    )
    assert asked("Add 50 a")["asked_number"] == pytest.approx(50)


def test_a_number_that_no_answer_can_reach_states_no_length() -> None:
    assert limit("Write an essay on tea in 2000 words.") > 1000
    assert np.isnan(limit("Write an essay on tea in 2000000000 words."))


@pytest.mark.parametrize("text", ["Count from 1 to 50.", "从1数到50", "Zähle von 1 bis 50."])
def test_counting_takes_some_tokens_for_each_number(text: str) -> None:
    assert 100 <= limit(text) <= 250
    assert np.isnan(asked(text)["asked_items"])


@pytest.mark.parametrize(
    "text",
    [
        "Create a dialogue between two characters about the tide.",
        "Write a story with three characters who meet on a train.",
        "2つの文字列で一番長い部分を求めてください。",
    ],
)
def test_persons_of_a_story_are_no_length(text: str) -> None:
    assert np.isnan(limit(text))


def test_some_characters_are_a_length() -> None:
    assert limit("Write a user name of 16 characters.") == pytest.approx(4)
    assert limit("Write a title of at most 5 characters.") < 2
