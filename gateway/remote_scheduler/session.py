"""Session: one front at the scheduler, its jobs and what it is to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.remote_scheduler.front_messages import Submit
from scheduler.job import Job


@dataclass(slots=True, eq=False)
class Session:
    """One front, from its hello to its end."""

    number: int
    name: str
    later_s: float
    """Seconds by which this clock is ahead of the front's."""
    jobs: dict[int, Job] = field(default_factory=dict)
    """The jobs that the scheduler holds, by the front's number."""
    late: dict[int, Submit] = field(default_factory=dict)
    """New jobs that wait for those of a predecessor."""
    out: list[Any] = field(default_factory=list)
    """Entries to be sent."""
    urgent: bool = False
    """Whether one of them may not wait for others."""
    complete: bool = False
    """Whether everything that the front had is in."""

    def tell(self, entry: Any) -> None:
        """Leave an entry to be sent at once."""
        self.out.append(entry)
        self.urgent = True

    def take(self) -> list[Any]:
        """The entries to be sent, which are here no more."""
        entries, self.out, self.urgent = self.out, [], False
        return entries
