"""Limits to the edge, with clocks that stand still, and counted over ten thousand requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.access.account import MOST_ACCOUNTS, Account, Accounts
from gateway.access.bucket import Bucket
from gateway.access.clock import Clock
from gateway.access.directory import Holder
from gateway.access.ledger import Ledger, Spent, day_ends_in, month_ends_in
from gateway.config.access import Rights
from gateway.protocol.errors import ApiError


class Hands:
    """Clocks whose hands a test moves."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 11, 30, 23, 0, tzinfo=UTC).timestamp()
        self.steady = 1000.0
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def pass_s(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


def holder(**rights: Any) -> Holder:
    return Holder("alice", "", Rights(**rights))


def refused(work: Callable[[], object]) -> tuple[str, int]:
    """The reason of a refusal, and the seconds after which to try again."""
    with pytest.raises(ApiError) as raised:
        work()
    assert raised.value.status == 429
    assert raised.value.retry_after is not None
    return raised.value.code, raised.value.retry_after


def test_requests_per_minute_to_the_edge(hands: Hands) -> None:
    account, alice = Account(Spent()), holder(requests_per_min=6)
    for _ in range(6):
        account.begin(alice, hands.clock)
    assert refused(lambda: account.begin(alice, hands.clock)) == ("requests_per_min", 10)
    hands.pass_s(9.9)
    assert refused(lambda: account.begin(alice, hands.clock)) == ("requests_per_min", 1)
    hands.pass_s(0.1)
    account.begin(alice, hands.clock)
    assert account.running == 7


def test_concurrency_counts_what_runs(hands: Hands) -> None:
    account, alice = Account(Spent()), holder(concurrency=2)
    account.begin(alice, hands.clock)
    account.begin(alice, hands.clock)
    assert refused(lambda: account.begin(alice, hands.clock))[0] == "concurrency"
    account.end(100.0)
    account.begin(alice, hands.clock)
    assert refused(lambda: account.begin(alice, hands.clock)) == ("concurrency", 6)


def test_tokens_are_reserved_and_settled(hands: Hands) -> None:
    account, alice = Account(Spent()), holder(tokens_per_min=600)
    account.reserve(alice, 600, hands.clock)
    assert refused(lambda: account.reserve(alice, 100, hands.clock)) == ("tokens_per_min", 10)
    account.settle(600, 500, hands.clock)  # a hundred fewer have come
    account.reserve(alice, 100, hands.clock)
    account.settle(100, 700, hands.clock)  # six hundred more: a debt of one minute
    assert refused(lambda: account.reserve(alice, 1, hands.clock)) == ("tokens_per_min", 61)
    hands.pass_s(60.1)
    account.reserve(alice, 1, hands.clock)


def test_a_request_beyond_the_whole_limit_goes_when_nothing_is_used(hands: Hands) -> None:
    account, alice = Account(Spent()), holder(tokens_per_min=60)
    account.reserve(alice, 120, hands.clock)
    assert refused(lambda: account.reserve(alice, 1, hands.clock)) == ("tokens_per_min", 61)
    hands.pass_s(119)
    assert refused(lambda: account.reserve(alice, 120, hands.clock)) == ("tokens_per_min", 1)
    hands.pass_s(1)
    account.reserve(alice, 120, hands.clock)


@pytest.mark.parametrize(
    ("right", "reason", "ends_s"),
    [
        ("tokens_per_day", "daily_budget", 3600),
        ("tokens_per_month", "monthly_budget", 3600),  # of 30 November
    ],
)
def test_a_budget_to_the_edge_and_over_midnight(
    hands: Hands, right: str, reason: str, ends_s: int
) -> None:
    account, alice = Account(Spent()), holder(**{right: 1000})
    account.reserve(alice, 400, hands.clock)
    account.settle(400, 600, hands.clock)
    account.reserve(alice, 400, hands.clock)  # to the last token
    code, again = refused(lambda: account.reserve(alice, 1, hands.clock))
    assert code == reason
    assert again == 1  # what runs may give tokens back
    account.settle(400, 400, hands.clock)
    assert refused(lambda: account.reserve(alice, 1, hands.clock)) == (reason, ends_s)
    hands.pass_s(ends_s - 0.5)
    assert refused(lambda: account.reserve(alice, 1, hands.clock)) == (reason, 1)
    hands.pass_s(0.5)
    account.reserve(alice, 1000, hands.clock)


def test_a_new_day_is_no_new_month(hands: Hands) -> None:
    hands.wall -= 86_400
    account, alice = Account(Spent()), holder(tokens_per_day=10, tokens_per_month=15)
    account.reserve(alice, 10, hands.clock)
    account.settle(10, 10, hands.clock)
    hands.pass_s(3600)
    account.reserve(alice, 5, hands.clock)
    account.settle(5, 5, hands.clock)
    assert refused(lambda: account.reserve(alice, 1, hands.clock)) == ("monthly_budget", 86_400)


def test_what_is_refused_is_not_counted(hands: Hands) -> None:
    account, alice = Account(Spent()), holder(tokens_per_day=100, tokens_per_min=10)
    account.reserve(alice, 10, hands.clock)
    for _ in range(5):
        assert refused(lambda: account.reserve(alice, 9, hands.clock))[0] == "tokens_per_min"
        assert refused(lambda: account.reserve(alice, 95, hands.clock))[0] == "daily_budget"
    assert (account.reserved, account.tokens.used) == (10, 10)


def test_a_limit_may_change_while_it_is_used(hands: Hands) -> None:
    account = Account(Spent())
    account.reserve(holder(tokens_per_min=100), 100, hands.clock)
    assert refused(lambda: account.reserve(holder(tokens_per_min=50), 1, hands.clock))[1] == 62
    account.reserve(holder(tokens_per_min=1000), 900, hands.clock)


def test_what_was_spent_before_the_start_counts(hands: Hands) -> None:
    ledger = Ledger()
    accounts = Accounts(ledger)
    account = accounts.of("alice")
    ledger.load("alice", Spent("2026-11-30", 90, "2026-11", 900))
    alice = holder(tokens_per_day=100, tokens_per_month=2000)
    assert refused(lambda: account.reserve(alice, 11, hands.clock))[0] == "daily_budget"
    account.reserve(alice, 10, hands.clock)
    ledger.load("bob", Spent("2026-11-29", 90, "2026-11", 1995))
    bob = accounts.of("bob")
    assert refused(lambda: bob.reserve(alice, 11, hands.clock))[0] == "monthly_budget"


@pytest.mark.parametrize(
    ("moment", "day_s", "month_s"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), 1, 1),
        (datetime(2027, 2, 28, 0, 0, 0, tzinfo=UTC), 86_400, 86_400),
        (datetime(2028, 2, 28, 12, 0, 0, tzinfo=UTC), 43_200, 43_200 + 86_400),
        (datetime(2026, 11, 1, 0, 0, 0, tzinfo=UTC), 86_400, 30 * 86_400),
    ],
)
def test_days_and_months_end_at_midnight_in_utc(
    moment: datetime, day_s: float, month_s: float
) -> None:
    assert day_ends_in(moment.timestamp()) == pytest.approx(day_s)
    assert month_ends_in(moment.timestamp()) == pytest.approx(month_s)


def _ended(seed: int) -> Iterator[tuple[float, float]]:
    """Expected and real tokens of ten thousand requests."""
    draw = random.Random(seed)
    for _ in range(10_000):
        expected = draw.lognormvariate(6, 1)
        yield expected, expected * draw.lognormvariate(-0.5, 1)


def test_ten_thousand_requests_at_a_time_are_counted_to_a_hundredth(hands: Hands) -> None:
    account = Account(Spent())
    alice = holder(tokens_per_min=10**9, tokens_per_day=10**10, requests_per_min=10**5)
    running = []
    for expected, came in _ended(1):
        account.begin(alice, hands.clock)
        account.reserve(alice, expected, hands.clock)
        running.append((expected, came))
    assert account.reserved == pytest.approx(sum(expected for expected, _ in running))
    random.Random(2).shuffle(running)
    for expected, came in running:
        account.settle(expected, came, hands.clock)
        account.end(1.0)
    total = sum(came for _, came in running)
    assert account.spent.today == pytest.approx(total, rel=1e-9)
    assert account.tokens.used == pytest.approx(total, rel=1e-9)
    assert account.reserved == pytest.approx(0, abs=1e-3)
    assert account.running == 0


def test_a_client_that_always_has_more_gets_its_limit_to_a_hundredth() -> None:
    hands, limit = Hands(), 60_000
    account, alice = Account(Spent()), holder(tokens_per_min=limit)
    minutes, total = 200, 0.0
    hands.wall = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    running: list[tuple[float, float, float]] = []
    requests = _ended(3)
    expected, came = next(requests)
    for _ in range(minutes * 60):
        hands.pass_s(1)
        while running and running[0][0] <= hands.steady:
            _, reserved, real = running.pop(0)
            account.settle(reserved, real, hands.clock)
            total += real
        try:
            while True:
                account.reserve(alice, expected, hands.clock)
                running.append((hands.steady + 20, expected, came))
                expected, came = next(requests, (500.0, 500.0))
        except ApiError:
            pass
    assert total == pytest.approx(limit * minutes, rel=0.01)


def test_a_bucket_gives_back_no_more_than_it_holds() -> None:
    bucket = Bucket()
    assert bucket.take(100, 100, 0.0) == 0
    assert bucket.take(0, 100, 60.0) == 0
    bucket.correct(-100)
    assert bucket.used == 0
    assert bucket.take(100, 100, 50.0) == 0  # a clock that goes back
    assert bucket.take(1, 100, 60.0) == pytest.approx(0.6)


def test_accounts_are_bounded_and_none_goes_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.access.account.MOST_ACCOUNTS", MOST_ACCOUNTS // 100)
    monkeypatch.setattr("gateway.access.ledger.MOST_HOLDERS", MOST_ACCOUNTS // 100)
    accounts = Accounts(Ledger())
    first = accounts.of("first")
    first.running = 1
    for number in range(MOST_ACCOUNTS // 100 + 10):
        accounts.of(str(number))
    assert accounts.of("first") is first
    assert len(accounts) <= MOST_ACCOUNTS // 100 + 1
