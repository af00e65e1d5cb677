"""What stands in for uvicorn's events and queues behaves as they do, and takes little memory."""

from __future__ import annotations

import asyncio
import sys
from collections import deque

import uvicorn
from uvicorn.server import ServerState

from gateway.clients.connection import Connection
from gateway.clients.connections import Connections
from gateway.clients.lean import LeanEvent, LeanQueue
from gateway.config.listen import Listen
from tests.gateway.harness import PATIENCE_S

MOST_SHARED = 30
"""Attributes of an object from which on Python gives it a dictionary of its own."""


async def _app(scope: object, receive: object, send: object) -> None:
    pass


async def test_all_that_wait_go_on_when_the_event_is_set() -> None:
    event = LeanEvent()
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    assert not any(one.done() for one in waiting)
    event.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*waiting) == [True, True]
        assert await event.wait()


async def test_after_clear_one_waits_until_the_next_time() -> None:
    event = LeanEvent(is_set=True)
    event.clear()
    waiting = asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    assert not event.is_set()
    assert not waiting.done()
    event.set()
    async with asyncio.timeout(PATIENCE_S):
        await waiting
    assert event.is_set()


def test_the_queue_has_the_order_of_a_deque() -> None:
    lean, usual = LeanQueue(), deque[int]()
    for number in range(4):
        lean.appendleft(number)
        usual.appendleft(number)
    assert lean == list(usual)
    assert (lean.popleft(), lean.pop()) == (usual.popleft(), usual.pop())


async def test_a_connection_needs_no_dictionary_of_its_own() -> None:
    config = uvicorn.Config(_app, log_config=None)
    config.load()
    connection = Connection(
        config=config, server_state=ServerState(), app_state={}, connections=Connections(Listen())
    )
    assert len(vars(connection)) <= MOST_SHARED
    assert sys.getsizeof(connection.pipeline) < sys.getsizeof(deque())
