"""Items awaited one by one, worked on together, on a thread that may fail or hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from threading import Event
from time import monotonic

import pytest

from gateway.forecasting.batcher import HERE_S, TRIED, Batcher
from tests.gateway.harness import PATIENCE_S, until


async def test_each_item_gets_its_own_result() -> None:
    batcher: Batcher[int, int] = Batcher("double", lambda items: [2 * item for item in items])
    assert await asyncio.gather(*(batcher.ask(n) for n in range(300))) == list(range(0, 600, 2))


async def test_what_comes_while_the_thread_works_is_one_batch_of_at_most_the_limit() -> None:
    batches: list[list[int]] = []
    first = Event()

    def work(items: list[int]) -> Sequence[int]:
        batches.append(items)
        first.wait()
        return items

    batcher = Batcher("sizes", work, limit=4)
    asked = [asyncio.create_task(batcher.ask(0))]
    await until(lambda: batches == [[0]], "the first item is at work")
    asked += [asyncio.create_task(batcher.ask(n)) for n in range(1, 7)]
    await asyncio.sleep(0)  # the tasks run up to where they wait
    first.set()
    await asyncio.gather(*asked)
    assert batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_a_failure_reaches_all_that_asked_and_the_next_batch_works() -> None:
    def work(items: list[int]) -> Sequence[float]:
        return [1 / item for item in items]

    batcher = Batcher("inverse", work)
    with pytest.raises(ZeroDivisionError):
        await batcher.ask(0)
    assert await batcher.ask(4) == 0.25


async def test_too_few_results_are_a_failure() -> None:
    batcher: Batcher[int, int] = Batcher("short", lambda items: items[1:])
    with pytest.raises(ValueError, match="0 results for 1 items"):
        await batcher.ask(1)


async def test_one_that_hangs_is_seen_to_be_stuck_and_what_was_given_up_is_not_worked_on() -> None:
    seen: list[int] = []
    release = Event()

    def work(items: list[int]) -> Sequence[int]:
        seen.extend(items)
        release.wait()
        return items

    batcher = Batcher("hang", work)
    assert not batcher.stuck(0.0)
    for item in (1, 2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await batcher.ask(item)
    assert batcher.stuck(0.01)
    release.set()
    assert await batcher.ask(3) == 3
    assert seen == [1, 3]
    await until(lambda: not batcher.stuck(0.0), "it is free again")


async def test_closed_it_finishes_what_was_asked_for_and_its_thread_ends() -> None:
    batcher: Batcher[int, int] = Batcher("to-be-closed", lambda items: items)
    asked = [asyncio.create_task(batcher.ask(n)) for n in range(3)]
    await asyncio.sleep(0)  # the tasks run up to where they wait
    batcher.close()
    assert await asyncio.gather(*asked) == [0, 1, 2]
    await until(lambda: all(t.name != "to-be-closed" for t in threading.enumerate()), "it ends")


async def test_closed_it_still_works_on_what_comes_later_and_leaves_no_thread() -> None:
    batcher: Batcher[int, int] = Batcher("closed-early", lambda items: items)
    batcher.close()  # as a new predictor does with the one before it
    for item in (1, 2):
        async with asyncio.timeout(PATIENCE_S):
            assert await batcher.ask(item) == item
    await until(lambda: all(t.name != "closed-early" for t in threading.enumerate()), "it ends")


async def test_what_comes_in_successive_turns_of_the_loop_is_one_batch() -> None:
    batches: list[list[int]] = []

    def work(items: list[int]) -> Sequence[int]:
        batches.append(items)
        return items

    batcher = Batcher("turns", work)
    asked = []
    for n in range(5):
        asked.append(asyncio.create_task(batcher.ask(n)))
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    assert batches == [[0, 1, 2, 3, 4]]


async def test_items_that_come_without_end_do_not_hold_up_the_first() -> None:
    batches: list[list[int]] = []

    def work(items: list[int]) -> Sequence[int]:
        batches.append(items)
        return items

    batcher = Batcher("endless", work, limit=100_000)
    asked = [asyncio.create_task(batcher.ask(0))]
    while not asked[0].done() and len(asked) < 50_000:
        asked.append(asyncio.create_task(batcher.ask(len(asked))))
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    assert len(batches[0]) < 50_000


async def test_what_goes_first_goes_before_all_that_wait_in_the_order_of_asking() -> None:
    batches: list[list[int]] = []
    go_on = Event()

    def work(items: list[int]) -> Sequence[int]:
        batches.append(items)
        go_on.wait()
        return items

    batcher = Batcher("first", work, limit=3)
    asked = [asyncio.create_task(batcher.ask(0))]
    await until(lambda: batches == [[0]], "the first item is at work")
    for number in range(1, 7):
        asked.append(asyncio.create_task(batcher.ask(number, first=number in {2, 5})))
    await asyncio.sleep(0)  # the tasks run up to where they wait
    go_on.set()
    await asyncio.gather(*asked)
    assert batches == [[0], [2, 5, 1], [3, 4, 6]]


async def test_the_event_loop_does_what_comes_alone_once_the_thread_is_quick_with_it() -> None:
    threads: list[str] = []
    slow = False

    def work(items: list[int]) -> Sequence[int]:
        threads.append(threading.current_thread().name)
        end = monotonic() + 2 * HERE_S
        while slow and monotonic() < end:
            pass
        return items

    batcher = Batcher("alone", work, here=lambda item: item < 100)
    here = threading.current_thread().name
    await until_here(batcher, threads, here)
    assert threads.count("alone") >= TRIED
    threads.clear()
    assert await batcher.ask(100) == 100
    assert list(await asyncio.gather(batcher.ask(1), batcher.ask(2))) == [1, 2]
    assert threads == ["alone", "alone"]
    slow = True
    await until_here(batcher, threads, here)
    threads.clear()
    assert await batcher.ask(3) == 3
    assert threads == ["alone"]  # it took too long here


async def until_here(batcher: Batcher[int, int], threads: list[str], here: str) -> None:
    """Ask for one after the other until the event loop has done one."""
    async with asyncio.timeout(PATIENCE_S):
        while here not in threads:
            assert await batcher.ask(3) == 3


async def test_a_failure_in_the_event_loop_reaches_who_asked() -> None:
    def work(items: list[int]) -> Sequence[float]:
        return [1 / item for item in items]

    batcher = Batcher("inverse", work, here=lambda _: True)
    for _ in range(2 * TRIED):
        assert await batcher.ask(4) == 0.25
    with pytest.raises(ZeroDivisionError):
        await batcher.ask(0)
    assert await batcher.ask(4) == 0.25
