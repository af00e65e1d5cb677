"""Characters beyond ASCII: plain forms, scripts, and tokens of scripts without spaces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.features import script
from predictor.features.characters import SCRIPTS, plain
from predictor.features.definition import LEXICAL_NAMES, Prompt, extract
from predictor.features.tokens import tokenise


def words(text: str) -> list[str]:
    read = tokenise([text])
    spans = zip(read.starts, read.ends, read.word, strict=True)
    return [bytes(read.data[a:b]).decode() for a, b, word in spans if word]


def features(text: str, chars: int = 0) -> dict[str, float]:
    row = extract([Prompt("m", text, chars=chars)]).lexical[0]
    return {name: float(row[LEXICAL_NAMES.index(name)]) for name in script.NAMES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("漢字。", ["漢", "字"]),
        ("𠮷野", ["𠮷", "野"]),
        ("お茶を!", ["お", "茶", "を"]),
        ("한국 차", ["한", "국", "차"]),
        ("ชา", ["ช", "า"]),
        ("Ещё ЧАЮ", ["ещё", "чаю"]),
        ("हिन्दी में।", ["हिन्दी", "में"]),
        ("Müde, ÉTÉ", ["müde", "été"]),
        ("用800字写", ["用", "800", "字", "写"]),
        ("tea😀time", ["tea", "time"]),
    ],
)
def test_words_are_characters_where_a_script_has_no_spaces(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("８００字", "800字"),
        ("٨٠٠ كلمة", "800 كلمة"),
        ("८०० शब्द", "800 शब्द"),
        ("そう？", "そう?"),
        ("ＡＢＣ（ａ）", "ABC(a)"),
        ("«tea»", '"tea"'),
        ("50\u00a0mots", "50 mots"),
        ("ЧАЙ", "чай"),
        ("A\ud800", "A?"),
        ("TEA", "TEA"),
        ("Ü😀𝔘", "ü😀𝔘"),
    ],
)
def test_digits_marks_and_letters_have_one_plain_form(written: str, read: str) -> None:
    assert plain(written) == read


@given(st.lists(st.text(alphabet="aé字か한ไж😀 。", max_size=9), min_size=1, max_size=5))
def test_tokens_cover_all_that_is_visible_in_each_text(texts: list[str]) -> None:
    read = tokenise(texts)
    for at, text in enumerate(texts):
        own = read.text == at
        spans = zip(read.starts[own], read.ends[own], strict=True)
        found = b"".join(bytes(read.data[a:b]) for a, b in spans).decode()
        assert found == plain(text).replace(" ", "")


SAMPLES = {
    "han": "请介绍茶",
    "kana": "おちゃをください",
    "hangul": "차를 주세요",
    "thai": "ขอชาหน่อย",
    "cyrillic": "Расскажи о чае",
    "arabic": "اكتب عن الشاي",
    "indic": "चाय के बारे में",
    "unknown": "Γράψε για το τσάι",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_letters_of_a_text_are_of_one_script(name: str) -> None:
    found = features(SAMPLES[name] + " (1), 2?")
    for other in SCRIPTS:
        assert found[f"script {other}"] == (1 if other == name else 0)


def test_the_shares_of_a_mixed_text_are_shares_of_letters() -> None:
    found = features("ab é 字 12 !?")
    assert found["script accented"] == found["script han"] == 1 / 4
    assert found["script unknown"] == 0


@pytest.mark.parametrize(
    "text",
    ["Was it? Yes. No!", "是吗？是。不！", "か？はい。いいえ！", "هل؟ نعم. لا!", "क्या? हाँ। नहीं!"],
)
def test_sentences_and_questions_are_counted_in_the_marks_of_the_script(text: str) -> None:
    found = features(text)
    assert found["log_stops"] == pytest.approx(np.log1p(3))
    assert found["log_questions"] == pytest.approx(np.log1p(1))


def test_the_tokens_of_a_text_are_estimated_by_its_script() -> None:
    english = "The captain told his granddaughter how the tides had changed. " * 9
    assert np.expm1(features(english)["log_tokens"]) == pytest.approx(9 * 12, rel=0.1)
    chinese = np.expm1(features("老船长向孙女解释潮汐的变化。" * 9)["log_tokens"])
    assert chinese == pytest.approx(9 * 14 * 0.75, rel=0.1)
    whole = features(english, chars=10 * len(english))["log_tokens"]
    assert np.expm1(whole) == pytest.approx(10 * np.expm1(features(english)["log_tokens"]))
