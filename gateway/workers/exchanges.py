"""Exchanges: a worker's requests and answers in progress, each of which can be ended by its name.

Closing a connection of aiohttp wakes nobody who reads from it. So an exchange is ended in the task
that carries it: whatever that task awaits of the worker ends with the error that says why.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType

from gateway.workers.failures import ExchangeEnded

TICK_S = 5.0
"""Most seconds between two looks at a deadline, which moves with each token."""

_MEMORY = 0.99
"""What one answer leaves of the slowest beginning before it."""

TOGETHER = 20
"""Exchanges of a worker that end in one turn of the event loop. Each takes milliseconds to account
for, and other workers' streams must not wait for a thousand."""


def _never(_: float = 0.0) -> ExchangeEnded | None:
    return None


@dataclass(slots=True, eq=False)
class Exchange:
    """One request at a worker, for the length of a ``with`` block in the task that carries it.

    A block that is ended, or that outlives its deadline, raises the ``ExchangeEnded`` that says
    why. What else cancels the task stays a cancellation.
    """

    _all: set[Exchange]
    deadline: float = math.inf
    """When the exchange has taken too long, in seconds of the loop's clock; may be moved."""
    overdue: Callable[[], ExchangeEnded | None] = _never
    """The error of an exchange whose deadline has passed, or None where it has moved."""
    lost: Callable[[float], ExchangeEnded | None] = _never
    """The error of an exchange whose engine has had nothing to do since a moment, or None where it
    may still have the request."""
    patience_s: float = 0.0
    """Seconds for which the engine may read the prompt, and show no progress."""
    tick_s: float = TICK_S
    """Most seconds after which a deadline that was moved forward is noticed."""
    begun: float = math.inf
    """When the exchange began, in seconds of the loop's clock."""
    _task: asyncio.Task[object] | None = None
    _cancelling: int = 0
    _timer: asyncio.TimerHandle | None = None
    _ended: ExchangeEnded | None = None
    _cancelled: bool = False

    def __enter__(self) -> Exchange:
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self.begun = asyncio.get_running_loop().time()
        self._all.add(self)
        if self.deadline < math.inf:
            self._look()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._all.discard(self)
        self.overdue, self.lost = _never, _never  # who gave them may hold the exchange
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ended is None:
            return
        assert self._task is not None
        if not self._cancelled:
            if kind is RuntimeError:  # from aiohttp, whose connection has been closed meanwhile
                raise self._ended from error
            return
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._ended from error

    def end(self, why: ExchangeEnded) -> None:
        """End the exchange from outside its task; only the first call counts."""
        if self.will_end(why):
            self.cancel()

    def will_end(self, why: ExchangeEnded) -> bool:
        """Say why the exchange ends before ``cancel`` ends it; returns whether nobody had said."""
        if self._ended is not None or self._task is None:
            return False
        self._ended = why
        return True

    def cancel(self) -> None:
        """End an exchange that ``will_end``, unless its block has been left meanwhile."""
        if self in self._all and self._task is not None:
            self._cancelled = True
            self._task.cancel()

    def belongs_to(self, task: asyncio.Task[object] | None) -> bool:
        """Whether this task carries the exchange."""
        return self._task is task

    def _look(self) -> None:
        """Look whether the deadline has passed, and look again when it may have."""
        loop = asyncio.get_running_loop()
        left = self.deadline - loop.time()
        if left <= 0:
            if (why := self.overdue()) is not None:
                self.end(why)
                return
            left = max(0.0, self.deadline - loop.time())
        self._timer = loop.call_later(min(left, self.tick_s), self._look)


@dataclass(slots=True)
class Exchanges:
    """The exchanges of one worker."""

    progressed: float = -math.inf
    """When an answer last got on, in seconds of the loop's clock."""
    grew: float = -math.inf
    """When the engine was last read to have generated tokens, on the same clock."""
    pressed: float = -math.inf
    """When the engine was last read to generate and to take memory from sequences, which wait."""
    idle_since: float = math.inf
    """Since when the engine has been read to have nothing to do; infinite while it has."""
    usual_first_s: float = 0.0
    """Seconds that recent answers have taken to begin, of the slowest. Later ones forget it."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by an exchange that has much to read at once, from piece to piece."""
    _all: set[Exchange] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._all)

    def new(self) -> Exchange:
        """An exchange that is to be entered."""
        return Exchange(self._all)

    @property
    def oldest(self) -> float:
        """When the oldest exchange began; infinite without one."""
        return min((exchange.begun for exchange in self._all), default=math.inf)

    @property
    def patience_s(self) -> float:
        """The longest patience of an exchange."""
        return max((exchange.patience_s for exchange in self._all), default=0.0)

    def began_after(self, seconds: float) -> None:
        """Note that an answer has begun so many seconds after its request was sent."""
        self.usual_first_s = max(seconds, _MEMORY * self.usual_first_s)

    def end_lost(self) -> None:
        """End the exchanges whose requests an engine that has nothing to do cannot have."""
        if self.idle_since == math.inf:
            return
        for exchange in list(self._all):
            if (why := exchange.lost(self.idle_since)) is not None:
                exchange.end(why)

    def end(self, why: str) -> None:
        """End every exchange, except one of the calling task, which learns by itself."""
        caller = asyncio.current_task()
        others = [exchange for exchange in self._all if not exchange.belongs_to(caller)]
        _cancel(iter([one for one in others if one.will_end(ExchangeEnded(why))]))


def _cancel(ending: Iterator[Exchange]) -> None:
    """Cancel some exchanges now and the rest in later turns, whoever is cancelled meanwhile."""
    some = list(islice(ending, TOGETHER))
    for exchange in some:
        exchange.cancel()
    if some:
        asyncio.get_running_loop().call_soon(_cancel, ending)
