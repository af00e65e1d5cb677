"""Exchanges that are ended by name, by their deadline, by a hang-up, and by several at once."""

from __future__ import annotations

import asyncio
import math
import socket
from itertools import pairwise

import pytest

from gateway.workers.exchanges import TOGETHER, Exchange, Exchanges
from gateway.workers.failures import ExchangeEnded
from tests.gateway.harness import until
from tests.gateway.requests.test_frozen_workers import stall
from tests.gateway.scripted import scripted
from tests.gateway.workers.fleets import fleet_of


async def _carry(exchange: Exchange, ended: list[str]) -> str:
    """Wait within the exchange; returns how it ended, after a moment in which all is quiet."""
    try:
        with exchange:
            await asyncio.Event().wait()
    except ExchangeEnded as error:
        ended.append(str(error))
    await asyncio.sleep(0)
    return ended[-1]


async def test_every_exchange_ends_with_its_reason_and_its_task_goes_on() -> None:
    exchanges, ended = Exchanges(), list[str]()
    tasks = [asyncio.create_task(_carry(exchanges.new(), ended)) for _ in range(10)]
    await until(lambda: len(exchanges) == 10, "all have begun")
    exchanges.end("frozen")
    exchanges.end("a later reason")
    assert await asyncio.gather(*tasks) == ["frozen"] * 10
    assert len(exchanges) == 0
    assert not any(task.cancelling() for task in tasks)


async def test_a_thousand_exchanges_end_in_turns_between_which_others_go_on() -> None:
    exchanges, ended, seen = Exchanges(), list[str](), [0]
    tasks = [asyncio.create_task(_carry(exchanges.new(), ended)) for _ in range(1000)]
    await until(lambda: len(exchanges) == 1000, "all have begun")
    exchanges.end("frozen")
    while seen[-1] < 1000:
        await asyncio.sleep(0)
        seen.append(len(ended))
    assert max(after - before for before, after in pairwise(seen)) <= 50
    assert await asyncio.gather(*tasks) == ["frozen"] * 1000


async def test_an_exchange_left_before_its_turn_is_not_cancelled_any_more() -> None:
    exchanges, leave, quiet = Exchanges(), asyncio.Event(), asyncio.Event()

    async def carry() -> str:
        with exchanges.new():
            await leave.wait()
        await quiet.wait()
        return "left"

    tasks = [asyncio.create_task(carry()) for _ in range(10 * TOGETHER)]
    await until(lambda: len(exchanges) == len(tasks), "all have begun")
    leave.set()
    exchanges.end("frozen")
    for _ in range(20):
        await asyncio.sleep(0)
    quiet.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(end == "left" for end in ends) == len(tasks) - TOGETHER
    assert all(end == "left" or isinstance(end, ExchangeEnded) for end in ends)


async def test_a_connection_closed_before_its_turn_fails_with_the_reason() -> None:
    exchanges = Exchanges()

    async def carry(number: int) -> None:
        with exchanges.new():
            await asyncio.sleep(0)
            if number >= TOGETHER:
                raise RuntimeError("Connection closed.")
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(carry(number)) for number in range(2 * TOGETHER)]
    await asyncio.sleep(0)
    exchanges.end("frozen")
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, ExchangeEnded) for end in ends)


async def test_an_exchange_of_the_task_that_ends_all_is_left_to_it() -> None:
    exchanges = Exchanges()
    with exchanges.new():
        exchanges.end("frozen")
        await asyncio.sleep(0)
    assert len(exchanges) == 0


async def test_a_cancellation_by_another_is_no_end_of_the_exchange() -> None:
    exchanges, ended = Exchanges(), list[str]()
    for also_ended in (False, True):
        task = asyncio.create_task(_carry(exchanges.new(), ended))
        await until(lambda: len(exchanges) == 1, "it has begun")
        if also_ended:
            exchanges.end("frozen")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (len(exchanges), ended) == (0, [])


async def test_a_deadline_is_kept_also_where_it_moves_in_both_directions() -> None:
    exchanges, ended = Exchanges(), list[str]()
    now = asyncio.get_running_loop().time()
    exchange = exchanges.new()
    exchange.deadline, exchange.tick_s = now + 3600, 0.01
    exchange.overdue = lambda: ExchangeEnded("late")
    task = asyncio.create_task(_carry(exchange, ended))
    await until(lambda: len(exchanges) == 1, "it has begun")
    exchange.deadline = math.inf
    await asyncio.sleep(0.03)
    assert not task.done()
    exchange.deadline = now
    assert await task == "late"


async def test_a_deadline_that_turns_out_to_have_moved_ends_nothing() -> None:
    exchanges, ended, asked = Exchanges(), list[str](), list[float]()
    exchange = exchanges.new()
    exchange.deadline = asyncio.get_running_loop().time() + 0.01

    def overdue() -> ExchangeEnded | None:
        asked.append(exchange.deadline)
        exchange.deadline += 0.01
        return ExchangeEnded("late") if len(asked) == 3 else None

    exchange.overdue = overdue
    assert await _carry(exchange, ended) == "late"
    assert len(asked) == 3


async def test_the_kernel_ends_a_connection_to_a_worker_that_is_gone_within_a_minute() -> None:
    async with scripted(stall) as worker, fleet_of(worker.url) as wing:
        sent = wing.fleet[worker.url].backend.request("POST", "/v1/embeddings", {}, b"{}")
        async with sent as response:
            assert response.connection is not None
            assert response.connection.transport is not None
            used = response.connection.transport.get_extra_info("socket")
            options = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            idle, interval, probes, unanswered = (
                used.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options
            )
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert idle + interval * probes <= 60
    assert 0 < unanswered <= 60_000
