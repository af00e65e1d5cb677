"""A seeded run whose engine's time the test keeps: what starts when is decided by the order alone.

The worker holds each request until the test lets it end. The test ends the request that is due
next by an engine whose requests take a step for each token, waits until the gateway has sent what
has its turn now, and goes on. So no clock of the machine is in what is compared.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import aiohttp
from fastapi import FastAPI

from tests.gateway.harness import Gateway, chat, until
from tests.gateway.scripted import MODELS

SLOTS = 8
"""Requests that the engine runs at once, where its memory does not bound them."""

KV_TOKENS = 6000
"""A memory that bounds them: the prompts of some six requests."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    name: str
    tokens: int
    """Tokens of its answer, which are also its ``max_tokens``."""
    words: int
    """Words of its prompt."""

    def body(self) -> dict[str, Any]:
        """As a client sends it."""
        text = f"{self.name} " + "word " * self.words
        return chat(messages=[{"role": "user", "content": text}], max_tokens=self.tokens)


def burst(count: int, seed: int = 20) -> list[Asked]:
    """So many requests; no two answers are within 4 % of each other."""
    drawn = random.Random(seed)
    tokens = [round(10 * 1.05**number) for number in range(count)]
    drawn.shuffle(tokens)
    return [
        Asked(f"r{number}", one, drawn.choice((20, 200, 1500))) for number, one in enumerate(tokens)
    ]


def normalised(order: Sequence[str], asked: Sequence[Asked], slots: int) -> float:
    """Mean engine steps to the end of an answer, by its tokens, of a burst that starts so."""
    tokens = {one.name: one.tokens for one in asked}
    free, shares = [0] * slots, []
    for name in order:
        end = heapq.heappop(free) + tokens[name]
        heapq.heappush(free, end)
        shares.append(end / tokens[name])
    return fmean(shares)


class Stage:
    """The worker: an application that holds each request until the test lets it end."""

    def __init__(self) -> None:
        self.held: dict[str, asyncio.Future[int]] = {}
        self.app = FastAPI()
        self.app.get("/health")(lambda: "")
        self.app.get("/v1/models")(lambda: json.loads(MODELS))
        self.app.post("/v1/chat/completions")(self._hold)

    async def _hold(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["messages"][-1]["content"].split()[0]
        self.held[name] = asyncio.get_running_loop().create_future()
        usage = {"prompt_tokens": 10, "completion_tokens": await self.held[name]}
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x"}}
        return {"choices": [choice], "usage": usage}


@dataclass(frozen=True, slots=True)
class Played:
    """What a run has shown."""

    starts: list[list[str]]
    """The requests that started together, by name, in the order of the engine's time."""
    normalised: float
    """Mean engine steps from the burst to the end of an answer, by the answer's tokens."""


async def play(
    url: str, running: Gateway, stage: Stage, asked: list[Asked], session: aiohttp.ClientSession
) -> Played:
    """Send the burst while nothing starts, and play it to its end."""
    dispatcher, tasks = running.app.state.dispatcher, {}
    dispatcher.apply(running.scheduler.pause(True))
    for number, one in enumerate(asked, 1):
        tasks[one.name] = asyncio.create_task(_ask(url, one, session))
        await until(lambda n=number: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
    dispatcher.apply(running.scheduler.pause(False))
    tokens = {one.name: one.tokens for one in asked}
    starts: list[list[str]] = []
    ends: dict[str, int] = {}
    running_now: dict[str, int] = {}
    now, left = 0, len(asked)
    while True:
        await until(
            lambda n=left: (
                running.in_flight + running.scheduler.waiting == n  # type: ignore[misc]
                and len(stage.held) == running.in_flight
            ),
            "who has a turn has started",
        )
        fresh = sorted(stage.held.keys() - running_now.keys())
        starts.append(fresh)
        running_now |= {name: now + tokens[name] for name in fresh}
        if not running_now:
            break
        name, now = min(running_now.items(), key=lambda one: (one[1], one[0]))
        ends[name] = running_now.pop(name)
        stage.held.pop(name).set_result(tokens[name])
        assert await tasks[name] == 200
        left -= 1
    return Played(starts, fmean(ends[name] / tokens[name] for name in ends))


async def _ask(url: str, one: Asked, session: aiohttp.ClientSession) -> int:
    async with session.post(url + "/v1/chat/completions", json=one.body()) as response:
        await response.read()
        return response.status
