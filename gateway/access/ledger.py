"""Ledger: the tokens of each holder in the present day and month, which budgets go by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MOST_HOLDERS = 100_000
"""Holders that are known at a time, some 50 MB: the names in tokens of others are not bounded."""


@dataclass(slots=True)
class Spent:
    """Tokens of one holder. A period begins anew at midnight in UTC."""

    day: str = ""
    """The day that ``today`` belongs to, as 2026-11-30."""
    today: float = 0.0
    month: str = ""
    """As 2026-11."""
    this_month: float = 0.0

    def turn(self, wall: float) -> None:
        """Begin a new day or month if it has come; ``wall`` is seconds since 1970."""
        day = datetime.fromtimestamp(wall, UTC).date().isoformat()
        if day != self.day:
            self.day, self.today = day, 0.0
        if day[:7] != self.month:
            self.month, self.this_month = day[:7], 0.0

    def take(self, other: Spent, wall: float) -> None:
        """Count what another one has spent in the present day and month."""
        self.turn(wall)
        other.turn(wall)
        self.today += other.today
        self.this_month += other.this_month

    def add(self, tokens: float, wall: float) -> None:
        """Count tokens that have come."""
        self.turn(wall)
        self.today += tokens
        self.this_month += tokens


class Ledger:
    """What holders have spent, in memory. A store of usage may fill it at the start."""

    def __init__(self) -> None:
        self._spent: dict[str, Spent] = {}
        self.carried: dict[str, Spent] = {}
        """What holders had spent before the start, as far as no group has counted it: whose group a
        token names is known at its first request."""

    def of(self, name: str) -> Spent:
        """What a holder has spent; new for one that is not known."""
        spent = self._spent.get(name)
        if spent is None:
            if len(self._spent) >= MOST_HOLDERS:
                del self._spent[next(iter(self._spent))]
            spent = self._spent[name] = Spent()
        return spent

    def load(self, name: str, spent: Spent) -> None:
        """Take over what a holder has spent before the gateway's start."""
        own = self.of(name)
        own.day, own.today = spent.day, spent.today
        own.month, own.this_month = spent.month, spent.this_month
        self.carried[name] = spent


def day_ends_in(wall: float) -> float:
    """Seconds until the next midnight in UTC."""
    now = datetime.fromtimestamp(wall, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()


def month_ends_in(wall: float) -> float:
    """Seconds until the first midnight of the next month in UTC."""
    now = datetime.fromtimestamp(wall, UTC)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return ((first + timedelta(days=32)).replace(day=1) - now).total_seconds()
