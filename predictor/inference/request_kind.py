"""What kind of request a record is of, without its text."""

from __future__ import annotations

from collections import Counter
from typing import Any

from predictor.adaptive.mode import mode_of, name_of
from predictor.features.characters import SCRIPT, SCRIPTS
from predictor.prompt import Prompt

_READ = 400  # characters of a text that tell its script
_KANA = "kana"  # Japanese: mixed with Han, so that any share counts


def kind_fields(prompt: Prompt) -> dict[str, Any]:
    """The fields of a ``ServedRecord`` that tell the kind of request."""
    mode = mode_of(prompt)
    return {
        "mode": name_of(mode),
        "mode_numbers": mode,
        "script": script_of(prompt.text),
        "tools": prompt.tools,
        "json": prompt.json,
        "turns": prompt.turns,
    }


def script_of(text: str) -> str:
    """The script that most letters of the text have: "latin", "han", ...; "" without letters."""
    letters = Counter(_script(letter) for letter in text[:_READ] if letter.isalpha())
    if not letters or letters[_KANA]:
        return _KANA if letters else ""
    return letters.most_common(1)[0][0]


def _script(letter: str) -> str:
    first, second = letter.encode("utf-8", "replace").ljust(2)[:2]
    code = SCRIPT[first << 8 | second] if first >= 0x80 else len(SCRIPTS)
    name = SCRIPTS[code] if code < len(SCRIPTS) else "latin"
    return "latin" if name == "accented" else name
