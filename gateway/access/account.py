"""Account: what a holder or a group uses at the moment, against the limits there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.access.bucket import Bucket
from gateway.access.clock import Clock
from gateway.access.directory import Holder, Together
from gateway.access.ledger import Ledger, Spent, day_ends_in, month_ends_in
from gateway.access.refusals import Refused, over_limit

MOST_ACCOUNTS = 100_000
"""Accounts in memory; the one unused for longest goes first, unless something runs for it."""

_LONGEST_S = 60.0
"""Bound of the seconds after which a client may try again where an end of others is awaited."""

_WEIGHT = 0.1
"""Weight of the newest request in the mean duration."""


@dataclass(slots=True)
class Account:
    """Requests and tokens of one holder, or of all holders of a group together."""

    spent: Spent
    requests: Bucket = field(default_factory=Bucket)
    tokens: Bucket = field(default_factory=Bucket)
    running: int = 0
    """Requests that wait or run."""
    reserved: float = 0.0
    """Tokens that these are expected to take."""
    _usual_s: float = 1.0
    """Mean duration of these requests."""

    def begin(self, holder: Holder | Together, clock: Clock) -> None:
        """Count a request that comes.

        Raises:
            ApiError: it is one too many, and has not been counted.
        """
        rights = holder.rights
        if rights.concurrency is not None and self.running >= rights.concurrency:
            wait = self._usual_s / rights.concurrency
            raise over_limit(
                Refused.CONCURRENCY, holder.title, rights.concurrency, self._soon(wait)
            )
        if limit := rights.requests_per_min:
            wait = self.requests.take(1, limit, clock.steady())
            if wait:
                raise over_limit(Refused.REQUESTS, holder.title, limit, wait)
        self.running += 1

    def take_back(self, holder: Holder | Together) -> None:
        """Undo ``begin``."""
        self.running -= 1
        if holder.rights.requests_per_min:
            self.requests.correct(-1)

    def end(self, seconds: float) -> None:
        """Note that a request has ended after so many seconds."""
        self.running -= 1
        self._usual_s += _WEIGHT * (seconds - self._usual_s)

    def reserve(self, holder: Holder | Together, tokens: float, clock: Clock) -> None:
        """Count the tokens that a request is expected to take.

        Raises:
            ApiError: they are too many, and have not been counted.
        """
        rights, wall = holder.rights, clock.wall()
        self.spent.turn(wall)
        budgets = (
            (Refused.DAY, rights.tokens_per_day, self.spent.today, day_ends_in),
            (Refused.MONTH, rights.tokens_per_month, self.spent.this_month, month_ends_in),
        )
        for reason, budget, spent, ends_in in budgets:
            if budget is not None and spent + self.reserved + tokens > budget:
                # What others of his requests have reserved may come back before the period ends.
                wait = ends_in(wall) if spent + tokens > budget else self._soon(self._usual_s)
                left = max(0.0, budget - spent - self.reserved)
                raise over_limit(reason, holder.title, budget, wait, tokens=tokens, left=left)
        if limit := rights.tokens_per_min:
            wait = self.tokens.take(tokens, limit, clock.steady())
            if wait:
                raise over_limit(Refused.TOKENS, holder.title, limit, wait, tokens=tokens)
        self.reserved += tokens

    def refresh(self) -> None:
        """Take the present numbers, to be shown: these are always present."""

    def settle(self, reserved: float, came: float, clock: Clock) -> None:
        """Put the tokens that came in place of those that were reserved."""
        self.reserved -= reserved
        self.tokens.correct(came - reserved)
        self.spent.add(came, clock.wall())

    @staticmethod
    def _soon(seconds: float) -> float:
        return min(seconds, _LONGEST_S)


class Accounts:
    """The accounts of all holders, and of the groups whose holders share limits."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._groups: dict[str, Account] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def of(self, name: str) -> Account:
        """A holder's account; new for one that is not known."""
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = self._made(name)
            self._forget()
        else:
            self._accounts.move_to_end(name)
        return account

    def _made(self, name: str) -> Account:
        return Account(self.ledger.of(name))

    def together(self, holder: Holder, members: Callable[[str], set[str]], wall: float) -> Account:
        """The account of a holder's group, which begins with what its ``members`` have spent."""
        group = holder.group
        account = self._groups.get(group)
        if account is None:
            account = self._groups[group] = Account(Spent())
            for name in members(group):
                account.spent.take(self.ledger.of(name), wall)
                self.ledger.carried.pop(name, None)
        if carried := self.ledger.carried.pop(holder.name, None):
            account.spent.take(carried, wall)
        return account

    def _forget(self) -> None:
        """Keep the number of accounts bounded."""
        if len(self._accounts) > MOST_ACCOUNTS:
            name, account = next(iter(self._accounts.items()))
            if account.running:
                self._accounts.move_to_end(name)
            else:
                del self._accounts[name]
