"""Time limits that share their timers."""

from __future__ import annotations

import asyncio
import math

import pytest

from gateway.requests.shared_timeouts import SharedTimeouts


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _held(timeouts: SharedTimeouts, seconds: float) -> float:
    """The seconds after which a block that never ends by itself was ended."""
    begun = _now()
    with pytest.raises(TimeoutError), timeouts.at(begun + seconds):
        await asyncio.Future[None]()
    return _now() - begun


async def test_a_limit_ends_its_block_at_its_time_or_a_little_later() -> None:
    timeouts = SharedTimeouts()
    took = await asyncio.gather(*(_held(timeouts, 0.1) for _ in range(3)), _held(timeouts, 0.2))
    assert all(one >= 0.099 for one in took)
    assert took[3] >= 0.199
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_a_limit_that_has_passed_ends_the_block_at_once() -> None:
    assert await _held(SharedTimeouts(), -5.0) < 5


async def test_limits_that_end_together_share_a_timer_and_go_with_their_blocks() -> None:
    timeouts = SharedTimeouts()
    when = math.ceil(_now()) + 100.5
    with timeouts.at(when), timeouts.at(when + 0.1), timeouts.at(when + 0.2):
        assert [len(limits) for limits in timeouts._due.values()] == [3]
    assert [len(limits) for limits in timeouts._due.values()] == [0]


async def test_a_block_without_a_limit_is_not_watched() -> None:
    timeouts = SharedTimeouts()
    with timeouts.at(math.inf):
        assert not timeouts._due


async def test_a_cancel_from_elsewhere_stays_a_cancel() -> None:
    async def block() -> None:
        with SharedTimeouts().at(_now() + 60):
            await asyncio.Future[None]()

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
