"""Admission: a request of a known holder, from the check of its key to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from gateway.access.account import Account
from gateway.access.clock import Clock
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
    _account: Account
    _clock: Clock
    _running: set[Admission]
    """All admitted requests."""
    _task: asyncio.Task[Any] = field(default_factory=_current_task)
    _ended: bool = False
    _begun: float = 0.0
    _reserved: float = 0.0
    """Tokens that the request is expected to take, until it is settled."""

    def reserve(self, tokens: float) -> None:
        """Count the tokens that the request is expected to take.

        Raises:
            ApiError: its holder may not have so many now.
        """
        self._account.reserve(self.holder, tokens, self._clock)
        self._reserved = tokens

    def settle(self, came: float | None) -> None:
        """Count what the request took instead; None: nobody knows, so the expected stands."""
        if self._reserved:
            came = self._reserved if came is None else came
            self._account.settle(self._reserved, came, self._clock)
            self._reserved = 0.0

    def end(self) -> None:
        """End the request with an error: its key opens nothing any more."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def __enter__(self) -> Admission:
        self._account.begin(self.holder, self._clock)
        self._begun = self._clock.steady()
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
        self.settle(0)
        self._account.end(self._clock.steady() - self._begun)
        if self._ended and isinstance(error, asyncio.CancelledError):
            while self._task.uncancel():
                pass
            raise no_access(Refused.REVOKED, _ENDED) from None
