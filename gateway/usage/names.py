"""Names: which keys and models have rows of their own, so that no client can fill the database."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.usage.counts import OTHER, PSEUDONYM, Row, is_named

MOST_MODELS = 500
"""Models that are counted apart on one day."""

LONGEST = 256
"""Letters of a name that are kept."""

MOST_NAMED = 10_000
"""Keys with a name that are counted apart on one day: the names in tokens of others are many."""

DAYS = 3
"""Days whose names are remembered: the present one, and those that a clock may go back to."""


class Names:
    """The keys and models of the last days.

    Args:
        most_keys: pseudonyms that are counted apart on one day.
    """

    def __init__(self, most_keys: int) -> None:
        self._most_keys = most_keys
        self._days: dict[int, tuple[set[str], set[str], set[str]]] = {}
        """Day -> pseudonyms, names of keys, models."""

    def know(self, rows: Iterable[Row]) -> None:
        """Take note of rows that are there."""
        for row in rows:
            self.row(*row)

    def row(self, day: int, key: str, model: str) -> Row:
        """The row for a key and a model."""
        key, model = (n[:LONGEST].encode("utf-8", "replace").decode() for n in (key, model))
        pseudonyms, named, models = self._days.get(day) or self._new(day)
        if key.startswith(PSEUDONYM):
            key = _within(pseudonyms, key, self._most_keys)
        elif is_named(key):
            key = _within(named, key, MOST_NAMED)
        return Row(day, key, _within(models, model, MOST_MODELS))

    def _new(self, day: int) -> tuple[set[str], set[str], set[str]]:
        while len(self._days) >= DAYS:
            del self._days[next(iter(self._days))]
        return self._days.setdefault(day, (set(), set(), set()))


def _within(names: set[str], name: str, most: int) -> str:
    if name in names:
        return name
    if len(names) >= most:
        return OTHER
    names.add(name)
    return name
