"""Seen: one request as the gateway saw it, and the requests that are kept for a replay."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.shadow.records import Begun, Ended
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

KEPT_SPANS = 2.0
"""Windows before the end of the present one from which requests are kept: those before the window
fill the engines and the queue as they were at its beginning."""


@dataclass(slots=True)
class Seen:
    """One request: how it began, and how it ended; None while it is under way."""

    begun: Begun
    ended: Ended | None = None

    @property
    def loads(self) -> bool:
        """Whether it is work for an engine: it runs, waits, or has come to a worker."""
        return self.ended is None or (self.ended.dispatched is not None and self.output_tokens > 0)

    @property
    def output_tokens(self) -> int:
        """The tokens of the answer, or those expected of one that is under way."""
        if self.ended is not None:
            return self.ended.output_tokens
        begun = self.begun
        mean = sum(tokens * mass for tokens, mass in zip(begun.tokens, begun.mass, strict=True))
        return max(1, round(mean * begun.sequences))

    @property
    def measured(self) -> bool:
        """Whether its latency can be compared: it has a whole answer of one sequence."""
        return self.ended is not None and self.ended.whole and self.begun.sequences == 1

    def requests(self, number: int) -> Iterable[Request]:
        """What the simulator gets: a request for each sequence."""
        begun, ended = self.begun, self.ended
        shape = begun if ended is None else ended
        request = Request(
            max(1, shape.prompt_tokens),
            max(1, round(self.output_tokens / begun.sequences)),
            LengthDistribution(tuple(shape.tokens), tuple(shape.mass)),
            model=begun.model,
            tenant=begun.tenant,
            number=number,
            streamed=begun.streams,
        )
        return (request,) * begun.sequences


@dataclass(frozen=True, slots=True)
class Window:
    """Requests by their arrival, and which of them are measured: those that arrived in the window.

    ``begin`` and ``end`` are seconds on the gateway's clock.
    """

    seen: Sequence[Seen]
    begin: float
    end: float

    @property
    def measured(self) -> list[bool]:
        """Whether each request counts."""
        return [self.begin <= one.begun.arrival < self.end and one.measured for one in self.seen]


class History:
    """The requests of the last minutes, at most so many.

    Each sequence of a request counts: the replay's time and memory go by them.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._order: deque[Seen] = deque()
        self._sequences = 0
        self.cut = False
        """Whether requests were thrown away that a window might have had."""

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, begun: Iterable[Begun], ended: Iterable[Ended]) -> None:
        """Take records."""
        for one in begun:
            seen = self._seen[one.id] = Seen(one)
            self._order.append(seen)
            self._sequences += one.sequences
        for end in ended:
            if (known := self._seen.get(end.id)) is not None:
                known.ended = end

    def window(self, now: float, span: float, most: int) -> Window:
        """The window of ``span`` seconds that ends where every request has ended.

        A request that has been under way for half a window holds it up no longer. Requests before
        the window are forgotten once they can matter no more, and beyond ``most``.
        """
        open_since = [one.begun.arrival for one in self._seen.values() if one.ended is None]
        end = min((since for since in open_since if since > now - span / 2), default=now)
        self.forget(most, end - KEPT_SPANS * span)
        kept = sorted(self._seen.values(), key=lambda one: one.begun.arrival)
        begin = end - span
        if self.cut and kept:  # a third fills the engines
            begin = max(begin, kept[len(kept) // 3].begun.arrival)
        return Window([one for one in kept if one.loads], begin, end)

    def forget(self, most: int, before: float = -math.inf) -> None:
        """Forget the first requests beyond ``most`` sequences, and those over ``before`` a time."""
        order = self._order
        while order and (self._sequences > most or _over(order[0], before)):
            self.cut |= self._sequences > most
            gone = order.popleft().begun
            self._sequences -= gone.sequences
            del self._seen[gone.id]


def _over(seen: Seen, before: float) -> bool:
    return seen.begun.arrival < before and (seen.ended is None or seen.ended.finished < before)
