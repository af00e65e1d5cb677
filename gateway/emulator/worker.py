"""The emulated engine in real time: steps the model of ``scheduler.sim.engine`` and sleeps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from starlette.types import Receive

from gateway.emulator.answers.choice import Choice
from scheduler.sim.engine import Engine
from scheduler.sim.step import StepTokens

CATCH_UP_S = 0.1
"""Seconds by which the engine may run faster after the event loop was late. A real engine would
not run faster at all."""


class Generation:
    """The sequences of one HTTP request, and their tokens that are not fetched yet."""

    def __init__(self, choices: list[Choice], *, streaming: bool) -> None:
        self.choices = choices
        self.closed = False
        self._streaming = streaming
        self._unfinished = len(choices)
        self._ready: list[Choice] = []
        self._wake: asyncio.Future[None] | None = None

    async def tokens(self) -> list[Choice]:
        """Wait for tokens; returns the choice of each token, in order, or [] at the end.

        A generation that does not stream returns all its tokens at once, at the end.
        """
        while not self.closed and self._unfinished and not (self._streaming and self._ready):
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        ready, self._ready = self._ready, []
        return [] if self.closed else ready

    def token(self, choice: Choice) -> None:
        """Take one token of ``choice`` from the engine."""
        self._ready.append(choice)
        if self._streaming:
            self._notify()

    def finish(self) -> None:
        """Note that the engine has finished one more choice."""
        self._unfinished -= 1
        if not self._unfinished:
            self._notify()

    def close(self) -> None:
        """Note that the client has disconnected: ``tokens`` returns [] from now on."""
        self.closed = True
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class EmulatedWorker:
    """Drives an engine in real time; ``speed`` is engine seconds per second of the clock.

    Raises:
        ValueError: ``speed`` is not above 0.
    """

    def __init__(self, engine: Engine, *, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be positive, got {speed}")
        self.engine = engine
        self.speed = speed
        self.finished: Counter[str] = Counter()
        self._owners: dict[str, tuple[Generation, Choice]] = {}
        self._ids = count()
        self._work = asyncio.Event()

    @asynccontextmanager
    async def generation(
        self,
        choices: list[Choice],
        receive: Receive,
        *,
        priority: int = 0,
        streaming: bool = False,
    ) -> AsyncIterator[Generation]:
        """Queue the choices in the engine; on leaving, abort the unfinished ones.

        Meanwhile listens on ``receive``, and closes the generation if the client disconnects.

        Raises:
            ValueError: a choice can never fit the engine.
        """
        generation = Generation(choices, streaming=streaming)
        request_ids: list[str] = []
        listener = asyncio.create_task(_close_on_disconnect(receive, generation))
        try:
            for choice in choices:
                request_ids.append(self._add(generation, choice, priority))
            self._work.set()
            yield generation
        finally:
            listener.cancel()
            for request_id in request_ids:
                if self._owners.pop(request_id, None):
                    self.engine.abort(request_id)

    def _add(self, generation: Generation, choice: Choice, priority: int) -> str:
        request_id = str(next(self._ids))
        self.engine.add(request_id, choice.prompt_tokens, choice.output_tokens, priority)
        self._owners[request_id] = generation, choice
        return request_id

    async def run(self) -> None:
        """Step the engine until cancelled; sleep while the engine is empty."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            due = loop.time()
            while self.engine.running or self.engine.waiting:
                result = self.engine.step()
                # Due times add up, so the time by which a timer oversleeps is not lost; but a loop
                # that was late by much must not catch up in a burst.
                due = max(due, loop.time() - CATCH_UP_S) + result.duration / self.speed
                await asyncio.sleep(due - loop.time())
                self._deliver(result)
            self._work.clear()

    def _deliver(self, result: StepTokens) -> None:
        # A request whose client left during the step is in the result and has no owner any more.
        for request_id in result.emitted:
            if owner := self._owners.get(request_id):
                owner[0].token(owner[1])
        for request_id in result.finished:
            if owner := self._owners.pop(request_id, None):
                self.finished[owner[1].finish_reason] += 1
                owner[0].finish()


async def _close_on_disconnect(receive: Receive, generation: Generation) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    generation.close()
