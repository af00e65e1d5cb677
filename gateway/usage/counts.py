"""Counts: what is counted of requests, by day, key and model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

DAY_S = 86_400

NO_KEY, OTHER = "(none)", "(other)"
"""Names for requests without a key, and for keys and models beyond the bounds."""

PSEUDONYM = "~"
"""Beginning of the pseudonym of a key without a name. No name has this letter."""


class Row(NamedTuple):
    """Whose requests are counted together."""

    day: int
    """Days since 1970, in UTC."""
    key: str
    model: str


@dataclass(slots=True)
class Counts:
    """The sum over some requests; times in seconds."""

    requests: int = 0
    failed: int = 0
    """Requests among them without a complete answer."""
    prompt_tokens: int = 0
    output_tokens: int = 0
    queue_s: float = 0.0
    worker_s: float = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and output tokens."""
        return self.prompt_tokens + self.output_tokens

    def add(self, other: Counts) -> None:
        """Add what others came to."""
        self.requests += other.requests
        self.failed += other.failed
        self.prompt_tokens += other.prompt_tokens
        self.output_tokens += other.output_tokens
        self.queue_s += other.queue_s
        self.worker_s += other.worker_s


Totals = dict[Row, Counts]


def add_to(totals: Totals, row: Row, counts: Counts) -> None:
    """Add counts to a row of ``totals``. The row keeps no reference to ``counts``."""
    present = totals.get(row)
    if present is None:
        present = totals[row] = Counts()
    present.add(counts)


def merge(totals: Totals, others: Totals) -> None:
    """Add all of ``others`` to ``totals``."""
    for row, counts in others.items():
        add_to(totals, row, counts)


def is_named(key: str) -> bool:
    """Whether this is the name of a configured key."""
    return not key.startswith((PSEUDONYM, "("))


def day_of(moment: float) -> int:
    """The day of a moment in seconds since 1970."""
    return int(moment // DAY_S)


def date_of(day: int) -> date:
    """The date of a day; the last one that Python knows for days beyond it."""
    ordinal = date(1970, 1, 1).toordinal() + day
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))


def day_number(when: date) -> int:
    """The day of a date: the inverse of ``date_of``."""
    return when.toordinal() - date(1970, 1, 1).toordinal()


def today() -> date:
    """The date in UTC."""
    return datetime.now(UTC).date()
