"""Feed: what requests tell the shadow, until its process takes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway.shadow.records import begun, ended
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.records import RequestRecord

MOST_KEPT = 50_000
"""Records that wait for the process. Further ones are lost, and counted."""


@dataclass(slots=True)
class Feed:
    """The records since they were last taken."""

    begun: list[tuple[Any, ...]] = field(default_factory=list)
    ended: list[tuple[Any, ...]] = field(default_factory=list)
    lost: int = 0

    def begin(self, job: Job) -> None:
        """Take a request that has its forecast."""
        if len(self.begun) < MOST_KEPT:
            self.begun.append(begun(job))
        else:
            self.lost += 1

    def end(
        self,
        job: Job,
        record: RequestRecord,
        length: LengthDistribution,
        worker: str,
        *,
        whole: bool,
        tokens: int,
    ) -> None:
        """Take a request that has ended with so many ``tokens``; ``whole``: it is answered."""
        if len(self.ended) < MOST_KEPT:
            now = asyncio.get_running_loop().time()
            self.ended.append(ended(job, record, length, worker, now, whole=whole, tokens=tokens))
        else:
            self.lost += 1

    def take(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """All records, which are then the taker's."""
        taken = self.begun, self.ended
        self.begun, self.ended = [], []
        return taken
