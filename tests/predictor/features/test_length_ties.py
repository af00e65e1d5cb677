"""Lengths that are not the answer's: of an input, in a question, or denied."""

import numpy as np
import pytest

from tests.predictor.features.asked import limit


@pytest.mark.parametrize(
    "text",
    [
        "I finished a novel of 700 pages. What next?",
        "Review this 250-page novel.",
        "Here is a 90-page manual. Which steps are risky?",
        "Suggest a headline for a 4,000 word article about owls.",
        "Give me an outline for a 30 page paper on owls.",
        "The attached study is 45 pages long.",
        "Lies dieses Buch mit 250 Seiten.",
        "Résume ce roman de 250 pages.",
        "Resume esta novela de 250 páginas.",
        "Resuma este livro de 250 páginas.",
        "Перескажи роман на 250 страниц.",
        "لخص هذا الكتاب من 250 صفحة.",
        "इस 250 पृष्ठ की किताब का सारांश दो।",
        "总结这本250页的小说。",
        "この250ページの小説を要約してください。",
        "이 250페이지짜리 소설을 요약해 줘.",
        "4000字の記事のタイトルを考えて。",
    ],
)
def test_the_size_of_an_input_is_no_length_of_the_answer(text: str) -> None:
    assert np.isnan(limit(text))


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Summarize a 250-page novel in 80 words.", "Summarize a novel in 80 words."),
        ("Write a two-sentence summary of a 90 page report.", "Write a two-sentence summary."),
        ("Résume ce livre de 250 pages en 80 mots.", "Résume ce livre en 80 mots."),
        ("この250ページの本を80字で要約して。", "この本を80字で要約して。"),
    ],
)
def test_the_length_beside_the_size_of_an_input_counts(text: str, alone: str) -> None:
    assert limit(text) == pytest.approx(limit(alone))


@pytest.mark.parametrize(
    "text",
    [
        "How long does it take to type 8,000 words?",
        "Is a 4000 word essay too long for a journal?",
        "How many days do people need to write 8,000 words?",
        "What is the usual price of writing 700 words?",
    ],
)
def test_a_question_about_a_length_demands_none(text: str) -> None:
    assert np.isnan(limit(text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("What is erosion in 60 words?", 81),
        ("Could you write a 700-word essay on owls?", 945),
        ("700-word essay on owls", 945),
        ("A 4 page report on owls.", 2400),
        ("I need a 4 page paper on owls.", 2400),
        ("Read the notes and write a 4 page report.", 2400),
        ("Summarize the novel in 4 pages.", 2400),
        ("Write a 4-page summary of the novel.", 2400),
        ("Write a summary of 4 pages.", 2400),
        ("Rédige un rapport de 4 pages sur les hiboux.", 2400),
        ("Напиши отчёт на 4 страницы.", 2400),
        ("4ページのレポートを書いて。", 2400),
        ("写一篇4页的报告。", 2400),
        ("この本を4ページで要約してください。", 2400),
    ],
)
def test_a_length_that_is_demanded_stays(text: str, tokens: float) -> None:
    assert limit(text) == pytest.approx(tokens)


@pytest.mark.parametrize(
    "text",
    [
        "Don't write 3,000 words about owls; a few will do.",
        "Never answer with 3,000 words.",
        "Schreib bitte keine 3000 Wörter über Eulen.",
        "N'écris pas 3000 mots sur les hiboux.",
        "不要写3000字。",
    ],
)
def test_a_denied_length_is_none(text: str) -> None:
    assert np.isnan(limit(text))


@pytest.mark.parametrize(
    "text", ["Do not write more than 70 words on owls.", "Do not go above 70 words on owls."]
)
def test_a_denied_lower_bound_is_an_upper_bound(text: str) -> None:
    assert limit(text) == pytest.approx(limit("Write at most 70 words on owls."))


def test_the_form_of_the_answer_wins_over_a_size() -> None:
    one = limit("Explain owls in one sentence.")
    assert limit("Write a 6,000 word chapter but reply in just one sentence.") == one
    essay = "Write an essay of 700 words with a conclusion of 2 sentences."
    assert limit(essay) == limit("Write an essay of 700 words.")
