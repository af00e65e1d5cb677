"""HeldAnswers: answers in memory, those that come from workers and those that wait for clients.

Their bytes are bounded together. Who takes an answer most slowly is cut off first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from gateway.clients.unread_answer import UnreadAnswer
from gateway.config.listen import Listen
from gateway.protocol.errors import ApiError

CLIENT_TOO_SLOW = "client_too_slow"
"""Outcome of requests whose client does not take the answer."""

_STEP = 2**20
"""Bytes of an answer that are counted at a time."""

_NEW_S = 1.0
"""Seconds in which nothing can be said of a client's pace."""

_SLOW_S = 10.0
"""Seconds that a client needs for the rest of its answer before answers that come go first."""

_ROOM = 7 / 8
"""Share of the bound to which clients are cut off: not one for each answer that comes."""


class Reader(Protocol):
    """A client's connection, as far as it takes an answer."""

    def cut(self, reason: str) -> None:
        """Close at once; ``reason`` is the outcome of the present request."""

    def unread(self) -> UnreadAnswer | None:
        """What the client has not taken yet; None: nothing."""

    @property
    def answering(self) -> bool:
        """Whether its request is not answered to the end, and may hold a worker."""


class HeldAnswers:
    """The answers of all clients. ``queued`` tells whether requests wait for workers."""

    def __init__(
        self,
        listen: Listen,
        most: int = 2**28,
        queued: Callable[[], bool] = lambda: False,
    ) -> None:
        self.listen = listen
        self.most = most
        self._queued = queued
        self.refused: Counter[str] = Counter()
        """Where connections that are cut are counted, by reason."""
        self.coming = 0
        """Bytes of answers that come from workers."""
        self._unread: dict[Reader, UnreadAnswer] = {}
        self._waiting = 0
        """Bytes that wait for clients, or more: what they take is seen later."""

    @property
    def unread(self) -> int:
        """The number of clients that have not taken all of their answers so far."""
        return len(self._unread)

    @property
    def held(self) -> int:
        """Bytes of all answers in memory."""
        return self.coming + sum(unread.size for unread in self._unread.values())

    def answer(self) -> ComingAnswer:
        """An answer that comes, for the length of a ``with`` block."""
        return ComingAnswer(self)

    def not_taken(self, reader: Reader) -> None:
        """A part of an answer waits for the client to take it."""
        if (unread := reader.unread()) is None:
            return
        self._unread.setdefault(reader, unread)
        self._waiting += unread.size
        if self.coming + self._waiting > self.most:
            self._make_room(self.most - self.coming, slow_s=0.0)

    def left(self, reader: Reader) -> None:
        """A connection is closed."""
        self._unread.pop(reader, None)

    def fits(self, more: int) -> bool:
        """Whether so much more of answers may come; slow clients make room."""
        if self.coming + self._waiting + more > self.most:
            self._make_room(self.most - self.coming - more, slow_s=_SLOW_S)
        return self.coming + self._waiting + more <= self.most

    def look(self, now: float) -> None:
        """Cut off who has not taken enough of its answer for too long."""
        queued = self._queued()
        for reader, unread in list(self._unread.items()):
            if not unread.size:
                del self._unread[reader]
            elif unread.stalled(now, self.listen.send_timeout_s) or (
                queued
                and reader.answering
                and unread.takes_nothing(now, self.listen.send_timeout_queued_s)
            ):
                self._cut(reader)
        self._waiting = self.held - self.coming

    def _make_room(self, most: int, *, slow_s: float) -> None:
        """Cut off clients until ``most`` bytes wait, if those suffice that are so slow.

        They come in order of the time that they still need; whose pace is not known comes last.
        """
        now = monotonic()
        self._waiting = self.held - self.coming
        if self._waiting <= most:
            return
        ranks = {
            reader: (unread.age(now) > _NEW_S, unread.seconds_left(now))
            for reader, unread in self._unread.items()
        }
        for reader in sorted(ranks, key=ranks.__getitem__, reverse=True):
            known, left_s = ranks[reader]
            if self._waiting <= most * _ROOM or (slow_s and not (known and left_s > slow_s)):
                return
            self._waiting -= self._unread[reader].size
            self._cut(reader)

    def _cut(self, reader: Reader) -> None:
        self._unread.pop(reader, None)
        self.refused[CLIENT_TOO_SLOW] += 1
        reader.cut(CLIENT_TOO_SLOW)

    def full(self) -> ApiError:
        """The error for an answer that does not fit."""
        return ApiError(
            503,
            f"The answers that the gateway holds have {self.held} bytes, and {self.most} are "
            "allowed (requests.max_answers_bytes). Send the request again later, ask for a stream "
            "or for less, or raise the setting.",
            code="answer_too_large",
            retry_after=1,
        )


class ComingAnswer:
    """What the answer to one request holds while it comes."""

    __slots__ = ("_all", "_own")

    def __init__(self, held: HeldAnswers | None = None) -> None:
        self._all = held
        self._own = 0

    def __enter__(self) -> ComingAnswer:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def fits(self, size: int) -> bool:
        """Whether the bytes that have come fit beside the other answers; they are counted then."""
        more = size - self._own
        if self._all is None or more < _STEP:
            return True
        if not self._all.fits(more):
            return False
        self._all.coming += more
        self._own = size
        return True

    def full(self) -> ApiError:
        """The error for an answer that does not fit."""
        assert self._all is not None
        return self._all.full()

    def end(self) -> None:
        """The answer is dropped, or written to its client, where it is counted as unread."""
        if self._all is not None:
            self._all.coming -= self._own
        self._own = 0
