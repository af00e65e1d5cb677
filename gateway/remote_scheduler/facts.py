"""Facts: what the fronts say of the workers and of the settings, and what holds of it.

A worker is healthy while every front that has it says so. It is drained, and of last resort, if any
says so. Everything else of it is as the leading front says: of those that have it, the one that has
been connected for longest. The newest settings hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.remote_scheduler.front_messages import Settings
from gateway.remote_scheduler.wire import with_facts
from scheduler.worker_spec import WorkerSpec

MOST_WORKERS = 10_000
"""Workers that one front may have."""


@dataclass(slots=True)
class Facts:
    """By front, the one that has been connected for longest first."""

    _workers: dict[int, dict[str, tuple[WorkerSpec, bool]]] = field(default_factory=dict)
    settings: Settings | None = None
    """The newest settings."""

    def joins(self, front: int) -> None:
        """Take a new front, as the last."""
        self._workers[front] = {}

    def leaves(self, front: int) -> list[str]:
        """Forget a front; returns the workers that it had."""
        return list(self._workers.pop(front))

    def set(self, front: int, spec: WorkerSpec, *, healthy: bool) -> None:
        """Take what a front says of a worker.

        Raises:
            ValueError: the front has too many workers.
        """
        known = self._workers[front]
        if spec.id not in known and len(known) >= MOST_WORKERS:
            raise ValueError(f"a front has more than {MOST_WORKERS} workers")
        known[spec.id] = spec, healthy

    def remove(self, front: int, worker_id: str) -> None:
        """Take that a front has a worker no more."""
        self._workers[front].pop(worker_id, None)

    def leads(self, front: int, worker_id: str) -> bool:
        """Whether a front leads those that have a worker."""
        having = (one for one, workers in self._workers.items() if worker_id in workers)
        return next(having, None) == front

    def worker(self, worker_id: str) -> tuple[WorkerSpec, bool] | None:
        """What holds of a worker: spec and health; None if no front has it."""
        said = list(self._of(worker_id))
        if not said:
            return None
        spec = with_facts(
            said[0][0],
            draining=any(spec.draining for spec, _ in said),
            last_resort=any(spec.last_resort for spec, _ in said),
        )
        return spec, all(healthy for _, healthy in said)

    def _of(self, worker_id: str) -> Iterator[tuple[WorkerSpec, bool]]:
        for workers in self._workers.values():
            if worker_id in workers:
                yield workers[worker_id]

    def newest(self, settings: Settings) -> bool:
        """Take a front's settings; returns whether they are newer than those before and differ."""
        before = self.settings
        if before is not None and settings.stamp < before.stamp:
            return False
        self.settings = settings
        return before is None or _values(before) != _values(settings)


def _values(settings: Settings) -> tuple[object, ...]:
    return (
        *(settings.policy, settings.max_waiting, settings.max_waiting_per_tenant),
        *(settings.max_waiting_tokens, settings.slack, settings.no_worker_grace),
    )
