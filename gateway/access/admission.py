"""Admission: a request of a known holder, from the check of its key to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from gateway.access.account import Account
from gateway.access.clock import Clock
from gateway.access.directory import Holder, Together
from gateway.access.limit_headers import limit_headers
from gateway.access.refusals import Refused, no_access
from gateway.config.access import Limits
from gateway.protocol.asgi import Scope
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers

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
    _shared: Account | None = None
    """The account of the holder's group, where its holders share limits."""
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
        if self._shared is not None:
            try:
                self._shared.reserve(self._together, tokens, self._clock)
            except ApiError:
                self._account.settle(tokens, 0, self._clock)
                raise
        self._reserved = tokens

    def settle(self, came: float | None) -> None:
        """Count what the request took instead; None: nobody knows, so the expected stands."""
        if self._reserved:
            came = self._reserved if came is None else came
            for account in self._accounts:
                account.settle(self._reserved, came, self._clock)
            self._reserved = 0.0

    @property
    def _accounts(self) -> tuple[Account, ...]:
        return (self._account,) if self._shared is None else (self._account, self._shared)

    @property
    def _together(self) -> Together:
        assert self.holder.together is not None
        return self.holder.together

    def limit_headers(self) -> Headers:
        """What is left of the limits per minute, for the client; [] without limits."""
        now, rights = self._clock.steady(), self.holder.rights
        if self._shared is None and not (rights.requests_per_min or rights.tokens_per_min):
            return []
        found: list[tuple[Account, Limits]] = [(self._account, rights)]
        if self._shared is not None:
            found.append((self._shared, self._together.rights))
        return limit_headers(found, now)

    def end(self) -> None:
        """End the request with an error: its key opens nothing any more."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def __enter__(self) -> Admission:
        self._account.begin(self.holder, self._clock)
        if self._shared is not None:
            try:
                self._shared.begin(self._together, self._clock)
            except ApiError:
                self._account.take_back(self.holder)
                raise
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
        for account in self._accounts:
            account.end(self._clock.steady() - self._begun)
        if self._ended and isinstance(error, asyncio.CancelledError):
            while self._task.uncancel():
                pass
            raise no_access(Refused.REVOKED, _ENDED) from None


def limits_left(scope: Scope) -> Headers:
    """Headers with what is left of a request's limits; [] for one that has not been admitted."""
    admission: Admission | None = scope.get(ADMISSION)
    return [] if admission is None else admission.limit_headers()
