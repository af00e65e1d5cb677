"""Spent: the tokens of each named key in a day and its month, for budgets over a restart."""

from __future__ import annotations

from gateway.usage.counts import Totals, date_of, day_number, is_named


def first_of_month(day: int) -> int:
    """The first day of a day's month."""
    return day_number(date_of(day).replace(day=1))


def spent_by_key(totals: Totals, day: int) -> dict[str, tuple[int, int]]:
    """Key -> its tokens on this day, and in the month up to it. Nothing of keys without a name."""
    found: dict[str, tuple[int, int]] = {}
    for row, counts in totals.items():
        if is_named(row.key) and first_of_month(day) <= row.day <= day:
            today, month = found.get(row.key, (0, 0))
            found[row.key] = (today + counts.tokens * (row.day == day), month + counts.tokens)
    return found
