"""Admission: a request of a known holder, from the check of its key to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from gateway.access.directory import Holder
from gateway.access.refusals import Refused, no_access

ADMISSION = "lengthwise.admission"
"""Key of a request's scope that holds its ``Admission``; absent where everybody may come in."""

_ENDED = (
    "The API key has been revoked while the request waited or ran. Ask who runs this gateway for a "
    "new one."
)


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


@dataclass(slots=True, eq=False)
class Admission:
    """A context for the length of a request, which ``end`` may end."""

    holder: Holder
    key: str
    """Digest of the key."""
    _running: set[Admission]
    """All admitted requests."""
    _task: asyncio.Task[Any] = field(default_factory=_current_task)
    _ended: bool = False

    def end(self) -> None:
        """End the request with an error: its key opens nothing any more."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def __enter__(self) -> Admission:
        self._running.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        """Release what the request held.

        Raises:
            ApiError: ``end`` has ended the request.
        """
        self._running.discard(self)
        if self._ended and isinstance(error, asyncio.CancelledError):
            while self._task.uncancel():
                pass
            raise no_access(Refused.REVOKED, _ENDED) from None
