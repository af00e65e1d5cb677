"""SharedAccounts: the accounts of holders, which several processes of one gateway keep together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.access.account import Account, Accounts
from gateway.access.bucket import Bucket
from gateway.access.clock import Clock
from gateway.access.directory import Holder, Together
from gateway.access.ledger import Ledger, Spent
from gateway.access.shared_table import SharedTable

_USED, _COUNTED = 10, 9
"""Fields: when the account was last used, and whether its start is in its group's account."""


class SharedAccount(Account):
    """An account whose numbers are those of the table at each call.

    Args:
        name: of the place in the table.
        before: what had been spent before the gateway's start; for a new account.
    """

    __slots__ = ("_before", "_clock", "_counted", "_name", "_table")

    def __init__(self, table: SharedTable, name: str, before: Spent, clock: Clock) -> None:
        super().__init__(Spent())
        self._table, self._name, self._before, self._clock = table, name, before, clock
        self._counted = False

    @contextmanager
    def _fresh(self) -> Iterator[None]:
        """The numbers of all processes for the length of the block, and then in the table."""
        with self._table.locked():
            cell = self._table.cell(self._name)
            values = cell.read()
            running, reserved = self._load(values)
            try:
                yield
            finally:
                self.requests.used = max(0.0, self.requests.used)
                cell.write(
                    self._stored(),
                    values[13] + self.running - running,
                    max(0.0, values[14] + self.reserved - reserved),
                )

    def _load(self, values: list[float]) -> tuple[int, float]:
        self.requests, self.tokens = Bucket(*values[0:2]), Bucket(*values[2:4])
        if values[_USED]:
            self.spent = Spent(_day(values[4]), values[5], _month(values[6]), values[7])
        else:
            self.spent = Spent()
            self.spent.take(self._before, self._clock.wall())
        self._usual_s = values[8] or 1.0
        self._counted = bool(values[_COUNTED])
        self.running, self.reserved = round(values[11]), values[12]
        return self.running, self.reserved

    def _stored(self) -> list[float]:
        spent = self.spent
        return [
            *(self.requests.used, self.requests.at, self.tokens.used, self.tokens.at),
            *(_number(spent.day), spent.today, _number(spent.month), spent.this_month),
            *(self._usual_s, float(self._counted), self._clock.steady() or 1.0),
        ]

    def begin(self, holder: Holder | Together, clock: Clock) -> None:
        """As ``Account.begin``, over all processes."""
        with self._fresh():
            super().begin(holder, clock)

    def take_back(self, holder: Holder | Together) -> None:
        """As ``Account.take_back``."""
        with self._fresh():
            super().take_back(holder)

    def end(self, seconds: float) -> None:
        """As ``Account.end``."""
        with self._fresh():
            super().end(seconds)

    def reserve(self, holder: Holder | Together, tokens: float, clock: Clock) -> None:
        """As ``Account.reserve``, over all processes."""
        with self._fresh():
            super().reserve(holder, tokens, clock)

    def settle(self, reserved: float, came: float, clock: Clock) -> None:
        """As ``Account.settle``."""
        with self._fresh():
            super().settle(reserved, came, clock)

    def refresh(self) -> None:
        """Take the present numbers, to be shown."""
        with self._fresh():
            pass

    def count_in(self, group: SharedAccount, before: Spent) -> None:
        """Add to the group's account what this holder had spent before the start, once."""
        with self._fresh():
            first, self._counted = not self._counted, True
        if first:
            with group._fresh():
                group.spent.take(before, self._clock.wall())


class SharedAccounts(Accounts):
    """The accounts of all holders and groups, in a table that several processes share."""

    def __init__(self, ledger: Ledger, table: SharedTable, clock: Clock) -> None:
        super().__init__(ledger)
        self._table, self._clock = table, clock
        self._start: dict[str, Spent] = dict(ledger.carried)
        """What holders had spent before the start of this process."""

    def _made(self, name: str) -> Account:
        before = self._start.get(name) or Spent()
        return SharedAccount(self._table, f"holder {name}", before, self._clock)

    def together(self, holder: Holder, members: Callable[[str], set[str]], wall: float) -> Account:
        """The account of a holder's group, which begins with what its ``members`` have spent."""
        group, names = self._groups.get(holder.group), {holder.name}
        if group is None:
            name = f"group {holder.group}"
            group = SharedAccount(self._table, name, Spent(), self._clock)
            self._groups[holder.group] = group
            names |= members(holder.group)
        assert isinstance(group, SharedAccount)
        for name in names & self._start.keys():
            member = self.of(name)
            assert isinstance(member, SharedAccount)
            member.count_in(group, self._start[name])
        return group


def _number(text: str) -> float:
    """A day or a month as a number, such as 20261130; 0 for none."""
    return float(text.replace("-", "") or 0)


def _day(number: float) -> str:
    text = f"{number:.0f}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if number else ""


def _month(number: float) -> str:
    text = f"{number:.0f}"
    return f"{text[:4]}-{text[4:]}" if number else ""
