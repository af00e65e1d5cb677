"""Viewers: one snapshot a second for all who watch, and none while nobody does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from gateway.admin.errors import AdminError

log = logging.getLogger("lengthwise")

MOST_VIEWERS = 32
"""Viewers at each listener: clients do not shut operators out."""

MOST_BEHIND = 5
"""Snapshots that a viewer may be behind: one that takes them more slowly is dropped."""

EVERY_S = 1.0

Viewer = asyncio.Queue[bytes | None]
"""Events for one viewer; None ends them."""


class Source(Protocol):
    """What is watched."""

    def begin(self) -> dict[str, Any]:
        """What a viewer gets first."""

    def take(self) -> dict[str, Any]:
        """What all viewers get next."""


class Viewers:
    """Those who watch. The same bytes go to all of them."""

    def __init__(self, source: Source, every_s: float = EVERY_S) -> None:
        self.source = source
        self._every_s = every_s
        self._viewers: dict[Viewer, bool] = {}
        """Those who watch, and whether they do so at the listener that closes last."""
        self._taking: asyncio.Task[None] | None = None
        self._closed = {True: False, False: False}
        self.taken = 0
        """Snapshots since the start."""

    def __len__(self) -> int:
        return len(self._viewers)

    @contextmanager
    def viewer(self, *, lasting: bool = True) -> Iterator[Viewer]:
        """The events of one viewer, for the length of the block.

        Args:
            lasting: whether it may go on while the gateway drains.

        Raises:
            AdminError: too many watch, or the gateway ends.
        """
        if self._closed[lasting]:
            raise AdminError(503, "draining", "The gateway ends.")
        if list(self._viewers.values()).count(lasting) >= MOST_VIEWERS:
            raise AdminError(
                503, "too_many_viewers", f"{MOST_VIEWERS} pages watch already; close one of them."
            )
        viewer: Viewer = asyncio.Queue(MOST_BEHIND + 2)
        viewer.put_nowait(event("begin", self.source.begin()))
        self._viewers[viewer] = lasting
        if self._taking is None:
            self._taking = asyncio.create_task(self._take(), name="watch for viewers")
        try:
            yield viewer
        finally:
            self._viewers.pop(viewer, None)

    def close(self, *, lasting: bool) -> None:
        """Let viewers of this kind end, and admit none."""
        self._closed[lasting] = True
        for viewer in [one for one, lasts in self._viewers.items() if lasts is lasting]:
            self._end(viewer)

    async def _take(self) -> None:
        """Take snapshots until nobody watches."""
        try:
            while self._viewers:
                self._send(event("state", self.source.take()))
                await asyncio.sleep(self._every_s)
        except Exception:  # a bug; the page says that it has lost the gateway, and tries again
            log.exception("the live page could not be made")
            for viewer in list(self._viewers):
                self._end(viewer)
        finally:
            self._taking = None

    def _send(self, what: bytes) -> None:
        self.taken += 1
        for viewer in list(self._viewers):
            if viewer.qsize() > MOST_BEHIND:
                self._end(viewer)
            else:
                viewer.put_nowait(what)

    def _end(self, viewer: Viewer) -> None:
        self._viewers.pop(viewer, None)
        while not viewer.empty():
            viewer.get_nowait()
        viewer.put_nowait(None)


def event(name: str, fields: dict[str, Any]) -> bytes:
    """A server-sent event."""
    text = json.dumps(fields, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode()
