"""Outages: queues whose jobs wait while no healthy worker may take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from scheduler.job import QueueName

KEPT_S = 600.0
"""Seconds after which an outage is forgotten that no job has met. Some never end: a worker may have
gone for good, and while no worker has named its models, clients may ask for any."""


@dataclass(slots=True)
class _Outage:
    """When an outage began and when a job last met it (seconds), and whether jobs are rejected."""

    began: float
    met: float
    rejects: bool = False


@dataclass(slots=True)
class Outages:
    """Since when each queue is without a healthy worker, and whether its jobs are rejected.

    An outage begins with the first call of ``note`` for a queue. ``grace`` seconds later the
    queue's waiting and new jobs are rejected, until a worker serves the queue again.
    """

    grace: float
    _outages: dict[QueueName, _Outage] = field(default_factory=dict)
    """The outage that a job met most recently is the last."""

    def __len__(self) -> int:
        return len(self._outages)

    def note(self, queue: QueueName, now: float) -> bool:
        """Note that jobs of the queue wait without a worker at ``now`` (seconds).

        Returns whether the grace is over.
        """
        outage = self._outages.setdefault(queue, _Outage(began=now, met=now))
        self._meet(queue, now)
        outage.rejects |= now - outage.began >= self.grace
        return outage.rejects

    def rejects(self, queue: QueueName, now: float) -> bool:
        """Whether a job of the queue that arrives ``now`` (seconds) is rejected at once."""
        outage = self._outages.get(queue)
        if outage is None:
            return False
        self._meet(queue, now)
        return outage.rejects

    def end(self, served: Callable[[QueueName], bool]) -> None:
        """End the outage of each queue for which ``served`` is true."""
        for queue in [queue for queue in self._outages if served(queue)]:
            del self._outages[queue]

    def _meet(self, queue: QueueName, now: float) -> None:
        """Note that a job meets a queue's outage; forget those that none has met for long."""
        outage = self._outages.pop(queue)
        outage.met = max(outage.met, now)
        self._outages[queue] = outage
        while (first := next(iter(self._outages))) != queue:
            if now - self._outages[first].met <= KEPT_S:
                return
            del self._outages[first]
