"""Texts that match an expression and have a demanded length."""

from __future__ import annotations

import random
import re

import pytest

from gateway.emulator.answers.structured.errors import FormatError
from gateway.emulator.answers.structured.expression import draw_match


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("^[A-Za-z0-9]+$", 8, None),
        ("^[A-Za-z0-9]+$", 8, 8),
        (r"^[0-9]+$", 8, None),
        (r"^\S+$", 6, 9),
        ("^.*$", 30, None),
        ("^.*$", 0, 1),
        ("[a-z]{0,100}", 0, 5),
        ("[a-z]{0,100}", 90, 95),
        (r"^\w+@\w+\.\w+$", 60, 64),
        ("^[a-z]+( [a-z]+)*$", 500, None),
        ("^[A-Z]", 8, 12),
    ],
)
def test_repeats_are_drawn_to_the_demanded_length(
    pattern: str, least: int, most: int | None
) -> None:
    for seed in range(20):
        text = draw_match(pattern, random.Random(seed), least=least, most=most)
        assert least <= len(text) <= (most or len(text))
        assert re.search(pattern, text)


def test_a_length_that_no_match_has_is_named() -> None:
    with pytest.raises(FormatError, match="minLength 8"):
        draw_match("^(yes|no)$", random.Random(1), least=8)
