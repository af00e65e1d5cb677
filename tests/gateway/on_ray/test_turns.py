"""Turns and forecasts of the router, without Ray."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.config.settings import Config
from gateway.on_ray.forecasts import Forecasts, body_of
from gateway.on_ray.turns import Turns
from scheduler.job import Job
from scheduler.length import LengthDistribution
from tests.gateway.harness import until


class _Body(BaseModel):
    messages: list[dict[str, str]]
    max_tokens: int | None = None


MESSAGES = [{"role": "user", "content": "Hello!"}]


def _job(tokens: int) -> Job:
    return Job(str(tokens), "m", 0.0, 1, LengthDistribution.point(tokens))


class _Owner:
    pass


async def test_the_shortest_goes_first_and_a_cancelled_request_leaves_no_trace() -> None:
    turns, owners, order = Turns(Config(), "m"), [_Owner() for _ in range(4)], list[int]()
    turns.set_replicas({"a": 1})

    async def take(owner: _Owner, tokens: int) -> None:
        await turns.take(owner, _job(tokens))
        order.append(tokens)

    await take(owners[0], 5)
    tasks = [
        asyncio.create_task(take(owner, tokens))
        for owner, tokens in zip(owners[1:], (300, 10, 40), strict=True)
    ]
    await until(lambda: turns.waiting == 3, "all wait")
    tasks[1].cancel()
    await asyncio.gather(tasks[1], return_exceptions=True)
    for owner in (owners[0], owners[3], owners[1]):
        await until(lambda one=owner: turns.holds(one, "a"), "its turn")  # type: ignore[misc]
        turns.end(owner)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [5, 40, 300]
    assert (turns.waiting, turns.running) == (0, 0)


async def test_a_replica_without_room_is_asked_again_before_later_requests() -> None:
    turns, first, second = Turns(Config(), "m"), _Owner(), _Owner()
    turns.set_replicas({"a": 1})
    await turns.take(first, _job(20))
    waiting = asyncio.create_task(turns.take(second, _job(10)))
    await until(lambda: turns.waiting == 1, "the second waits")
    again = asyncio.create_task(turns.take(first, _job(20)))
    await waiting
    assert not turns.holds(first)
    turns.end(second)
    assert (await again).worker_id == "a"


async def test_what_waits_without_a_replica_goes_to_the_next_one() -> None:
    turns, owner = Turns(Config(), "m"), _Owner()
    turns.set_replicas({"a": 1})
    turns.set_replicas({})
    waiting = asyncio.create_task(turns.take(owner, _job(10)))
    await until(lambda: turns.waiting == 1, "it waits")
    turns.set_replicas({"b": 1})
    assert (await waiting).worker_id == "b"


async def test_a_forecast_needs_a_body_and_survives_any() -> None:
    forecasts = Forecasts(Config(), "m")
    await forecasts.loaded()
    short = await forecasts.job([_Body(messages=MESSAGES, max_tokens=3)], 1.0)
    free = await forecasts.job([{"messages": MESSAGES}], 1.0)
    assert short.length.mean <= 3 < free.length.mean
    unknown: tuple[Any, ...] = (object(), {"messages": 7}, {"prompt": [[1, 2], [3]]}, b"")
    for body in unknown:
        assert (await forecasts.job([body], 1.0)).length.mean >= 1


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ([{"messages": MESSAGES}], True),
        ([7, _Body(messages=MESSAGES)], True),
        ([{"input": "x"}], False),
        ([], False),
    ],
)
def test_a_body_is_found_among_the_arguments(args: list[Any], found: bool) -> None:
    assert (body_of(args) is not None) is found
