"""Lean stand-ins for what uvicorn makes for each connection and request, and seldom needs.

asyncio's event and a deque take 0.8 KB each, and a request that waits would hold three of them.
"""

from __future__ import annotations

import asyncio
from typing import Any


class LeanEvent:
    """``asyncio.Event``, which has room for waiters only while there are some."""

    __slots__ = ("_event", "_is_set")

    def __init__(self, *, is_set: bool = False) -> None:
        self._is_set = is_set
        self._event: asyncio.Event | None = None

    def is_set(self) -> bool:
        """Whether ``wait`` returns at once."""
        return self._is_set

    def set(self) -> None:
        """Let all go on that wait."""
        self._is_set = True
        if self._event is not None:
            self._event.set()
            self._event = None

    def clear(self) -> None:
        """Let those wait who ask from now on."""
        self._is_set = False

    async def wait(self) -> bool:
        """Wait until the event is set."""
        if self._is_set:
            return True
        if self._event is None:
            self._event = asyncio.Event()
        return await self._event.wait()


class LeanQueue(list[Any]):
    """A deque of a few entries."""

    __slots__ = ()

    def appendleft(self, entry: Any) -> None:
        """Add an entry before all others."""
        self.insert(0, entry)

    def popleft(self) -> Any:
        """Remove the first entry, and return it."""
        return self.pop(0)
