"""Limits that several processes keep together: exact, whichever process a request comes to."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.access.account import Account, Accounts
from gateway.access.clock import Clock
from gateway.access.directory import Holder
from gateway.access.ledger import Ledger, Spent
from gateway.access.shared_accounts import SharedAccount, SharedAccounts
from gateway.access.shared_table import SharedTable
from gateway.config.access import Group, Limits, Rights
from gateway.protocol.errors import ApiError
from tests.gateway.access.test_account import Hands, hands, holder, refused

__all__ = ["hands"]  # a fixture

CELLS = 256


def table(path: Path, index: int, cells: int = CELLS) -> SharedTable:
    return SharedTable(path / "accounts", 2, index, cells, make=True)


def account(path: Path, index: int, hands: Hands, before: Spent | None = None) -> SharedAccount:
    return SharedAccount(table(path, index), "holder alice", before or Spent(), hands.clock)


def test_what_one_process_counts_the_other_knows(tmp_path: Path, hands: Hands) -> None:
    one, other = (account(tmp_path, index, hands) for index in (0, 1))
    alice = holder(concurrency=2, requests_per_min=3, tokens_per_min=600, tokens_per_day=1000)
    one.begin(alice, hands.clock)
    other.begin(alice, hands.clock)
    assert refused(lambda: one.begin(alice, hands.clock))[0] == "concurrency"
    one.reserve(alice, 400, hands.clock)
    assert refused(lambda: other.reserve(alice, 400, hands.clock)) == ("tokens_per_min", 20)
    one.settle(400, 100, hands.clock)
    one.end(1.0)
    other.begin(alice, hands.clock)
    other.end(1.0)
    assert refused(lambda: other.begin(alice, hands.clock))[0] == "requests_per_min"
    hands.pass_s(60)
    other.reserve(alice, 600, hands.clock)
    other.settle(600, 850, hands.clock)
    hands.pass_s(120)
    assert refused(lambda: one.reserve(alice, 51, hands.clock))[0] == "daily_budget"


def test_two_processes_refuse_what_one_would(tmp_path: Path, hands: Hands) -> None:
    """A random run through both gives the same answers as through a single account."""
    single = Account(Spent())
    both = [account(tmp_path, index, hands) for index in (0, 1)]
    alice = holder(concurrency=5, requests_per_min=200, tokens_per_min=3000, tokens_per_day=20_000)
    draw, running = random.Random(7), 0
    refusals = 0

    def tried(work: Callable[[], object]) -> tuple[str, int | None] | None:
        try:
            work()
        except ApiError as error:
            return error.code, error.retry_after
        return None

    for _ in range(2000):
        one = draw.choice(both)
        hands.pass_s(draw.expovariate(4.0))
        begun = tried(lambda: single.begin(alice, hands.clock))
        assert tried(lambda one=one: one.begin(alice, hands.clock)) == begun  # type: ignore[misc]
        running += begun is None
        tokens, came = draw.randrange(1, 60), draw.randrange(0, 80)
        reserved = tried(lambda tokens=tokens: single.reserve(alice, tokens, hands.clock))  # type: ignore[misc]
        assert (
            tried(lambda one=one, tokens=tokens: one.reserve(alice, tokens, hands.clock))  # type: ignore[misc]
            == reserved
        )
        refusals += (begun is not None) + (reserved is not None)
        if reserved is None:
            single.settle(tokens, came, hands.clock)
            one.settle(tokens, came, hands.clock)
        if running and draw.random() < 0.6:
            running -= 1
            seconds = draw.random()
            single.end(seconds)
            draw.choice(both).end(seconds)
    assert refusals > 100
    both[0].refresh()
    assert both[0].spent.today == pytest.approx(single.spent.today)
    assert both[0].running == single.running


def test_what_a_dead_process_had_running_is_taken_back(tmp_path: Path, hands: Hands) -> None:
    one, other = (account(tmp_path, index, hands) for index in (0, 1))
    alice = holder(concurrency=2, tokens_per_day=1000)
    one.begin(alice, hands.clock)
    one.reserve(alice, 900, hands.clock)
    other.begin(alice, hands.clock)
    assert refused(lambda: other.reserve(alice, 200, hands.clock))[0] == "daily_budget"
    table(tmp_path, 1).forget(0)
    other.begin(alice, hands.clock)
    other.reserve(alice, 200, hands.clock)
    assert refused(lambda: other.begin(alice, hands.clock))[0] == "concurrency"


def test_what_was_spent_before_the_start_counts_once(tmp_path: Path, hands: Hands) -> None:
    before = Spent("2026-11-30", 900, "2026-11", 900)
    one = account(tmp_path, 0, hands, before)
    other = account(tmp_path, 1, hands, before)
    alice = holder(tokens_per_day=1000)
    one.reserve(alice, 50, hands.clock)
    other.reserve(alice, 50, hands.clock)
    assert refused(lambda: one.reserve(alice, 1, hands.clock))[0] == "daily_budget"


def _accounts(path: Path, index: int, hands: Hands, **spent: float) -> SharedAccounts:
    ledger = Ledger()
    for name, tokens in spent.items():
        ledger.load(name, Spent("2026-11-30", tokens, "2026-11", tokens))
    return SharedAccounts(ledger, table(path, index), hands.clock)


def test_a_groups_budget_counts_each_member_once(tmp_path: Path, hands: Hands) -> None:
    group = Group(name="team", shared=Limits(tokens_per_day=1000))
    alice, carol = (Holder(name, "team", Rights(), together(group)) for name in ("alice", "carol"))
    spent = {"alice": 300, "bob": 200, "carol": 100}
    both = [_accounts(tmp_path, index, hands, **spent) for index in (0, 1)]
    members = {"alice", "bob"}  # carol comes by a token: nobody knows her group beforehand
    for accounts in (*both, *both):
        accounts.together(alice, lambda _: members, hands.clock.wall())
    for accounts in (*both, *both):
        shared = accounts.together(carol, lambda _: members, hands.clock.wall())
        shared.refresh()
        assert shared.spent.today == 600


def together(group: Group):  # type: ignore[no-untyped-def]
    from gateway.access.directory import Together

    return Together(group.name, group.shared)


def test_a_full_table_forgets_who_has_been_idle_longest(tmp_path: Path, hands: Hands) -> None:
    small = table(tmp_path, 0, cells=8)
    alice = holder(concurrency=1)

    def of(name: str) -> SharedAccount:
        return SharedAccount(small, name, Spent(), hands.clock)

    busy = of("busy")
    busy.begin(alice, hands.clock)
    for number in range(20):
        hands.pass_s(1)
        of(f"idle {number}").refresh()
    assert refused(lambda: busy.begin(alice, hands.clock))[0] == "concurrency"


_WORKER = """
import sys
from pathlib import Path
from gateway.access.clock import Clock
from gateway.access.directory import Holder
from gateway.access.ledger import Spent
from gateway.access.shared_accounts import SharedAccount
from gateway.access.shared_table import SharedTable
from gateway.config.access import Rights

clock = Clock()
table = SharedTable(Path(sys.argv[1]), 2, int(sys.argv[2]), 256, make=True)
account = SharedAccount(table, "holder alice", Spent(), clock)
alice = Holder("alice", "", Rights(tokens_per_day=10**12, concurrency=10**9))
for _ in range(3000):
    account.begin(alice, clock)
    account.reserve(alice, 3, clock)
    account.settle(3, 5, clock)
    account.end(0.1)
account.begin(alice, clock)
"""


def test_no_count_is_lost_where_two_processes_count_at_once(tmp_path: Path, hands: Hands) -> None:
    path = tmp_path / "accounts"
    command = [sys.executable, "-c", _WORKER, str(path)]
    both = [subprocess.Popen([*command, str(index)]) for index in (0, 1)]
    assert [one.wait(50) for one in both] == [0, 0]
    found = SharedAccount(table(tmp_path, 0), "holder alice", Spent(), Clock())
    found.refresh()
    assert found.running == 2
    assert found.spent.today == 2 * 3000 * 5


def test_accounts_of_one_process_stay_as_they_are() -> None:
    assert type(Accounts(Ledger()).of("alice")) is Account


def test_a_process_that_finds_no_table_makes_no_second_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SharedTable(tmp_path / "accounts", 2, 1, CELLS)
