"""The words by which people demand a form of answer, in eleven languages.

``languages/*.toml`` has one file for each language; each maps a group to phrases, with semicolons
between them. A phrase has a few tokens (``tokens``): in scripts without spaces each character is
one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from predictor.features.phrase_table import PhraseTable

_FOLDER = Path(__file__).parent / "languages"

PIECES = ("tiny", "verse", "post", "essay", "story", "mail", "work", "program", "application")
"""Pieces to write: they count beside a word for writing."""
_OTHERS = (
    "one_word label letter number yes_no only one_sentence brief detail steps json code_only "
    "text_only framed command translate rewrite whole summarise extract continue greeting fact "
    "explain opinion fix review maths context classify list plan choice"
)
FORMS = (*_OTHERS.split(), *PIECES)
"""The forms of answer that a request may demand."""
_HELPERS = (
    "answer not not2 create n_number n_label n_letter n_code n_text option_b option_c bare "
    "bare_noun only_when"
)
GROUPS = (*FORMS, *_HELPERS.split())
"""The groups of phrases. ``only`` counts beside ``answer``, the nouns ``n_...`` beside such a
demand or beside a ``bare`` one ("no explanation") or a ``bare_noun`` ("just the name"), which a
negation denies; ``only_when`` is no ``only`` ("only from the
context"); ``not`` and ``not2`` (of two tokens) negate."""

_MARKS = {
    "option_b": ("\nb)", "\nb.", "\nb:", "(b)", "[b]", "b、", "\n- b"),
    "option_c": ("\nc)", "\nc.", "\nc:", "(c)", "[c]", "c、", "\n- c"),
    "maths": ("\\frac", "\\sqrt", "\\int", "\\sum", "\\boxed", "\\leq", "\\cdot"),
    "json": ("json", "yaml", "xml"),
    "command": ("regex", "sql query"),
    "program": ("python", "javascript", "typescript", "c++", "golang", "html", "css", "bash"),
}
"""Phrases of no language."""


def phrases() -> dict[str, list[str]]:
    """The phrases of each of the GROUPS."""
    found = {group: [*_MARKS.get(group, ())] for group in GROUPS}
    for file in sorted(_FOLDER.glob("*.toml")):
        for group, listed in tomllib.loads(file.read_text(encoding="utf-8")).items():
            for phrase in filter(None, map(str.strip, listed.replace("\n", " ").split(";"))):
                found[group].append(phrase)
    return found


TABLE = PhraseTable.build(phrases())
