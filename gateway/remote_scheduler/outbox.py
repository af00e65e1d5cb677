"""Outbox: what a front has to tell the scheduler; of what changes often, the last value alone."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.remote_scheduler.front_messages import ObserveKv, Progress


class Outbox:
    """Entries in the order in which they came; a newer progress or report replaces an older one."""

    def __init__(self) -> None:
        self._entries: list[Any] = []
        self._latest: dict[int | str, int] = {}
        self._news: asyncio.Event | None = None
        self.number = 0
        """Of the present connection, or of the last one."""
        self.open = False
        """Whether the scheduler is there; what is told before that is thrown away."""

    def begin(self) -> None:
        """Take entries from now on, none of those before."""
        self._entries, self._latest, self._news = [], {}, asyncio.Event()
        self.open, self.number = True, self.number + 1

    def end(self) -> None:
        """Throw away what has not been sent: the scheduler will be told everything again."""
        self.open = False
        self._entries, self._latest = [], {}

    def add(self, entry: Any) -> None:
        """Add an entry."""
        if self.open:
            self._entries.append(entry)
            self._wake()

    def add_latest(self, entry: Progress | ObserveKv) -> None:
        """Add an entry, in the place of one about the same job or worker that waits to be sent.

        It does not wake who waits for entries: it goes with others, or a moment later.
        """
        if not self.open:
            return
        name = entry.n if isinstance(entry, Progress) else entry.id
        place = self._latest.get(name)
        if place is not None:
            self._entries[place] = entry
            return
        self._latest[name] = len(self._entries)
        self._entries.append(entry)

    def settle(self, number: int) -> None:
        """Let what comes next of a job not replace what is there: it has begun anew."""
        self._latest.pop(number, None)

    def take(self) -> list[Any]:
        """The entries, which are here no more."""
        entries, self._entries = self._entries, []
        self._latest.clear()
        return entries

    async def wait(self) -> None:
        """Wait for entries."""
        assert self._news is not None
        await self._news.wait()
        self._news.clear()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
