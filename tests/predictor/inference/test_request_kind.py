"""The kind of a request, as the served log holds it."""

import pytest

from predictor.inference.request_kind import kind_fields, script_of
from predictor.prompt import Prompt


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Why is tea hot?", "latin"),
        ("¿Por qué está caliente el té?", "latin"),
        ("为什么茶是热的? Tea", "han"),
        ("お茶はなぜ熱い?", "kana"),
        ("차는 왜 뜨겁나요?", "hangul"),
        ("Почему чай горячий?", "cyrillic"),
        ("لماذا الشاي ساخن؟", "arabic"),
        ("चाय गर्म क्यों है?", "indic"),
        ("12 + 30 = ?", ""),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_the_kind_holds_no_text() -> None:
    prompt = Prompt("m", "a very private question", reasoning=1.0, tools=2, json=True, turns=3)
    kind = kind_fields(prompt)
    assert kind == {
        "mode": "thinking high, tools, json",
        "mode_numbers": (1.0, 0.4, 1.0, 0.0, 1.0),
        "script": "latin",
        "tools": 2,
        "json": True,
        "turns": 3,
    }
