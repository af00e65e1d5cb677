"""The rule for degenerate answers."""

import pytest

from predictor.collect.output import degenerate


@pytest.mark.parametrize(
    ("tokens", "bad"),
    [
        ([100] * 9 + [14_998], True),  # the spread: std 4,469 > 2 x mean 1,590
        ([100] * 9 + [8_499], False),
        ([100] * 9 + [8_500], True),
        ([9_000] * 10, False),
        ([14_998] * 10, False),
        ([14_998] * 9 + [14_999], True),
    ],
)
def test_the_degenerate_rule_is_castillos(tokens: list[int], bad: bool) -> None:
    assert degenerate(tokens) == bad
