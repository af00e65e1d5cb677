"""Limits that all holders of a group share, beside each holder's own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.access.access import Access
from gateway.access.account import Account, Accounts
from gateway.access.clock import Clock
from gateway.access.directory import Holder, Together
from gateway.access.ledger import Ledger, Spent
from gateway.config.access import Access as Settings
from gateway.config.access import Limits, Rights
from tests.gateway.access.keys import ask, bearer
from tests.gateway.harness import Gateway, gateway, hang_up, until
from tests.gateway.scripted import answer, scripted

ANA, BEN, EVE = "a" * 20, "b" * 20, "e" * 20
TOKENS = 40
WHOLE = json.dumps(
    {
        "choices": [{"finish_reason": "stop"}],
        "usage": {"prompt_tokens": TOKENS - 2, "completion_tokens": 2},
    }
).encode()


async def answers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(WHOLE))


async def never(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def team(shared: dict[str, int], **rights: Any) -> dict[str, Any]:
    """The section for ana and ben, who share limits, and eve, who is in no group."""
    return {
        "keys_file": None,
        "api_keys": {"team": ANA, "ben": BEN, "eve": EVE},
        "groups": [{"name": "team", "shared": shared, **rights}, {"name": "alone"}],
        "default_group": "team",
    }


def accounts(running: Gateway) -> Accounts:
    found: Accounts = running.app.state.access._accounts
    return found


def group(running: Gateway) -> Account:
    return accounts(running)._groups["team"]


@pytest.mark.parametrize(
    ("shared", "allowed", "reason"),
    [
        ({"requests_per_min": 3}, 3, "requests_per_min"),
        ({"tokens_per_min": 2 * TOKENS + 15}, 2, "tokens_per_min"),
        ({"tokens_per_day": 2 * TOKENS + 1}, 2, "daily_budget"),
        ({"tokens_per_month": 3 * TOKENS + 1}, 3, "monthly_budget"),
    ],
)
async def test_a_group_s_limit_is_one_for_all_its_holders(
    session: aiohttp.ClientSession, shared: dict[str, int], allowed: int, reason: str
) -> None:
    rights = {"requests_per_min": 50, "tokens_per_min": 10**6}
    async with (
        scripted(answers) as worker,
        gateway(worker.url, access=team(shared, **rights)) as running,
    ):
        running.app.state.access.clock.steady = lambda: 0.0
        keys = [ANA, BEN] * 3
        found = [await ask(session, running.url, bearer(key)) for key in keys]
        assert [status for status, _, _ in found] == [200] * allowed + [429] * (6 - allowed)
        for _, body, headers in found[allowed:]:
            assert body["error"]["code"] == reason
            assert body["error"]["message"].startswith("The group team, all its keys together,")
            assert int(headers["retry-after"]) >= 1
        assert worker.served == allowed
        await running.until_idle()
        own = [accounts(running).of(name) for name in ("team", "ben")]
        assert sum(one.tokens.used for one in own) == pytest.approx(allowed * TOKENS)
        took_requests = sum(one.requests.used for one in own)
        assert took_requests == (allowed if reason == "requests_per_min" else 6)
        assert group(running).spent.today == allowed * TOKENS
        for one in (*own, group(running)):
            assert one.running == 0
            assert one.reserved == pytest.approx(0)


async def test_requests_at_a_time_are_counted_over_all_holders(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        scripted(never) as worker,
        gateway(worker.url, access=team({"concurrency": 2})) as running,
    ):
        tasks = [asyncio.create_task(ask(session, running.url, bearer(key))) for key in (ANA, BEN)]
        await until(lambda: worker.served == 2, "both run")
        for key in (ANA, BEN, EVE):
            status, body, _ = await ask(session, running.url, bearer(key))
            assert (status, body["error"]["code"]) == (429, "concurrency")
        await hang_up(*tasks)
        await until(lambda: group(running).running == 0, "nothing runs")
        task = asyncio.create_task(ask(session, running.url, bearer(BEN)))
        await until(lambda: worker.served == 3, "another one runs")
        await hang_up(task)


def holder(name: str) -> Holder:
    return Holder(name, "team", Rights(), Together("team", Limits(tokens_per_day=100)))


def test_what_was_spent_before_the_start_counts_for_the_group_once() -> None:
    clock, ledger = Clock(lambda: 0.0, lambda: 0.0), Ledger()
    for name, today in (("ana", 10), ("by-token", 7), ("other", 1000)):
        ledger.load(name, Spent("1970-01-01", today, "1970-01", 2 * today))
    accounts = Accounts(ledger)
    for name in ("ana", "ben", "by-token", "ana", "by-token"):
        found = accounts.together(holder(name), lambda _: {"ana", "ben"}, clock.wall())
    assert (found.spent.today, found.spent.this_month) == (17, 34)
    accounts.together(holder("ana"), lambda _: {"ana"}, 86_400.0).spent.turn(86_400.0)
    assert (found.spent.today, found.spent.this_month) == (0, 34)


def test_a_holder_of_a_group_without_shared_limits_shares_none() -> None:
    settings = Settings.model_validate(team({}))
    scope: dict[str, Any] = {"headers": [(b"x-api-key", ANA.encode())], "client": ("::1", 1)}
    found = Access(settings).holder(scope)
    assert found is not None
    assert found.together is None
