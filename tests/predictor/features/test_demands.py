"""The form of answer that a request demands, in the languages that people write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.features.definition import LEXICAL_NAMES, Prompt, extract
from predictor.features.demand_words import FORMS, GROUPS, phrases
from predictor.features.demands import NAMES, demands
from predictor.features.tokens import tokenise
from tests.predictor.features.requests import REQUESTS

ARTICLE = "The council met on Tuesday and heard from residents for three hours. " * 12


def demanded(text: str, system: str = "") -> set[str]:
    """The forms that a request demands."""
    row = extract([Prompt("m", text, system=system)]).lexical[0]
    return {form for form, name in zip(FORMS, NAMES, strict=True) if row[LEXICAL_NAMES.index(name)]}


@pytest.mark.parametrize(("form", "text"), [request[:2] for request in REQUESTS])
def test_each_demand_is_read_in_each_language(form: str, text: str) -> None:
    assert form in demanded(text)


@pytest.mark.parametrize("form", ["one_word", "yes_no", "number", "only"])
def test_a_demand_for_a_word_is_not_read_into_free_requests(form: str) -> None:
    free = ("explain", "detail", "story", "essay", "mail", "verse", "program", "plan")
    assert not [text for kind, text, *_ in REQUESTS if kind in free and form in demanded(text)]


def test_the_middle_of_a_long_text_demands_nothing() -> None:
    quoted = "Describe it in one word, yes or no, and write an essay. "
    assert demanded(f"Thoughts?\n\n{ARTICLE}{quoted}{ARTICLE}") == demanded(
        f"Thoughts?\n\n{ARTICLE}"
    )


@pytest.mark.parametrize(
    "demand", ["Answer in one word.", "用一个词回答。", "Ответь одним словом."]
)
def test_a_demand_counts_at_the_beginning_and_at_the_end(demand: str) -> None:
    assert "one_word" in demanded(f"{demand}\n\n{ARTICLE}")
    assert "one_word" in demanded(f"{ARTICLE}\n\n{demand}")
    assert "one_word" in demanded("Which gas is it?", system=demand)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("translate", "Do not translate this text, it is fine."),
        ("translate", "Don't translate names."),
        ("summarise", "不要总结。"),
        ("only", "Tell me not only the name of the river."),
        ("only", "Nenne mir nicht nur den Namen des Flusses."),
        ("detail", "Bitte nicht ausführlich."),
    ],
)
def test_a_negated_demand_does_not_count(form: str, text: str) -> None:
    assert form not in demanded(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("number", "How many moons has Mars? Number only."),
        ("code_only", "A command that counts the files of this folder. Command only, please."),
        ("json", "The towns of this sentence: she left Bonn for Kiel. JSON only."),
    ],
)
def test_what_alone_is_wanted_may_stand_at_the_end(form: str, text: str) -> None:
    assert {form, "only"} <= demanded(text)


@pytest.mark.parametrize(
    "text",
    [
        "In which language is this? Just the name of the language.\n\nMinä asun Turussa.",
        "Which sea lies north of Poland? Name only, please, and thank you in advance.",
        "Welches Meer liegt nördlich von Polen? Nur den Namen, und danke im Voraus.",
        "¿Qué mar baña Valencia? Solo el nombre, por favor, y gracias de antemano.",
        "Quelle mer baigne Marseille ? Juste le nom, et merci d'avance pour ton aide.",
        "富士山はどこの県にありますか？名前だけ。",
    ],
)
def test_a_bare_name_needs_no_word_for_answering(text: str) -> None:
    assert "only" in demanded(text)


@pytest.mark.parametrize(
    "text",
    [
        "Return only the text of the third verse, no explanation.",
        "只需直接给出合同第三条的内容，不需要解释。",
        "Gib nur den Wortlaut der Klausel aus, sonst nichts.",
        "Réponds uniquement avec le texte de la clause.",
        "契約第三条の条文のみを書いてください。",
    ],
)
def test_a_text_and_nothing_else_is_no_word(text: str) -> None:
    assert "text_only" in demanded(text)


@pytest.mark.parametrize(
    "text",
    ["Read the passage. Answer with one word only.", "根据以下内容，只回答河的名称。"],
)
def test_a_text_before_the_demand_is_not_what_is_demanded(text: str) -> None:
    assert "text_only" not in demanded(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("letter", "Answer with the letter of the right option, in this format: [x]B[y]"),
        ("label", "判断句子的类别，类别包括：喜、怒、哀。将答案写在[类别]和[完]之间。"),
        ("number", "请计算总金额。只需要给出最终金额，将答案填在[金额]之后。"),
        ("letter", "请从四项中选出一个正确的答案，并按照这个格式回答：[答案]B"),
    ],
)
def test_an_answer_between_given_marks_is_framed(form: str, text: str) -> None:
    assert {form, "framed"} <= demanded(text)


def test_what_is_limited_elsewhere_is_no_demand() -> None:
    assert "only" not in demanded("This command only lists hidden files. Why does it do that?")


def test_a_greeting_with_a_task_is_no_greeting() -> None:
    assert "greeting" in demanded("Hi!")
    assert "greeting" not in demanded("Hi, write a poem")
    assert "greeting" not in demanded(f"Hello. {ARTICLE}")


def test_a_piece_counts_beside_a_word_for_writing() -> None:
    assert "story" in demanded(f"Write me a short story.\n{ARTICLE}")
    assert "story" not in demanded(f"Which of these is the better story?\n{ARTICLE}")


def test_the_end_of_a_message_is_told_from_the_end_of_another_of_its_batch() -> None:
    before, after = f"{ARTICLE} {ARTICLE}", f"The number only counts guests. {ARTICLE}"
    together = demands(tokenise([before, after]))
    assert np.array_equal(together[1], demands(tokenise([after]))[0])


def test_a_system_message_rules_the_form_but_is_no_task() -> None:
    rules = "You write essays and stories. Output only JSON, no explanation."
    assert demanded("Ann, 40", system=rules) == {"only", "json"}


def test_options_make_a_choice() -> None:
    assert "choice" in demanded("Which?\nA) tin\nB) oak\nC) silk")
    assert "choice" not in demanded("Which?\nA) tin\nB) oak")


def test_each_language_has_phrases_and_each_form_is_listed() -> None:
    listed = phrases()
    assert set(listed) == set(GROUPS)
    assert not [form for form in FORMS if form != "choice" and not listed[form]]


def test_the_shortest_forms_have_no_phrase_with_a_digit() -> None:
    """One digit stands for all digits in a token: "1 word" would be "9 words"."""
    whole = ("one_word", "one_sentence")
    assert not [p for form in whole for p in phrases()[form] if any(c.isdigit() for c in p)]


@given(st.lists(st.text(max_size=80), max_size=5))
def test_strengths_are_shares_and_do_not_depend_on_the_batch(texts: list[str]) -> None:
    together = demands(tokenise(texts))
    assert together.shape == (len(texts), len(NAMES))
    assert np.all((together >= 0) & (together <= 1))
    for text, row in zip(texts, together, strict=True):
        assert np.array_equal(demands(tokenise([text]))[0], row)
