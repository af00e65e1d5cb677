"""Responses that are made in the background: asked for once, fetched when they are ready."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.emulator.answers.choice import Choice
from gateway.emulator.dialects.responses.answer import ResponsesDialect
from gateway.emulator.worker import EmulatedWorker


class BackgroundResponses:
    """The tasks that make responses in the background, by the id of the response."""

    def __init__(self, worker: EmulatedWorker) -> None:
        self._worker = worker
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, dialect: ResponsesDialect, choices: list[Choice], priority: int) -> None:
        """Begin to make a response; its dialect keeps it when it is finished."""
        response_id = dialect.frame.request_id
        task = asyncio.create_task(self._make(dialect, choices, priority))
        self._tasks[response_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(response_id, None))

    async def _make(self, dialect: ResponsesDialect, choices: list[Choice], priority: int) -> None:
        async with self._worker.generation(choices, _no_client, priority=priority) as generation:
            await generation.tokens()
            dialect.whole(choices)

    def cancel(self, response_id: str) -> bool:
        """Stop making a response; returns whether it was being made."""
        task = self._tasks.get(response_id)
        return task is not None and task.cancel()


async def _no_client() -> Any:
    """What a client sends that never hangs up."""
    await asyncio.Event().wait()
