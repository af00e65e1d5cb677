"""WorkerStatus: one worker at one moment, for ``GET /ready`` and for the metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from gateway.scheduling.port import SchedulerPort
from gateway.workers.engine_report import EngineReport
from gateway.workers.fleet import Fleet
from gateway.workers.member import Member


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at one moment. Figures of a worker that the scheduler does not know are None."""

    url: str
    healthy: bool
    draining: bool
    models: tuple[str, ...]
    engine: EngineReport
    cooling: bool = False
    """Whether the worker has refused or failed requests, and gets none that another can take."""
    on_trial: bool = False
    """Whether the worker gets one request at a time, after its cooldown."""
    ejected: str = ""
    """Why the worker, cooling or on trial, does much worse than the others; "" otherwise."""
    probe_age: float | None = None
    """Seconds since the last probe ended; None before the first."""
    problem: str = ""
    """Why the worker is down, or what of its answers is ignored; "" for nothing."""
    requests: int = 0
    """Requests that the gateway has sent to the worker and that have not ended."""
    sequences: int | None = None
    """Sequences of the requests in ``requests``."""
    slots: int | None = None
    """Sequences that the engine runs at once, configured or learned."""
    expected_tokens: float | None = None
    """Expected remaining output tokens of the sequences in ``sequences``."""
    kv_peak_tokens: float | None = None
    """KV tokens of ``sequences`` at the coming peak, by the forecast that admits requests."""
    kv_capacity_tokens: int | None = None
    kv_used_tokens: float | None = None
    """KV tokens that ``sequences`` hold now, by the gateway's count as the engine corrects it."""
    kv_forecast_error: float | None = None
    """Mean error of the KV forecasts, as a share of the cache: positive where more was held."""
    kv_forecast_spread: float | None = None
    """Standard deviation of that error."""
    kv_forecast_trust: float | None = None
    """How far the KV forecasts may hold requests back, 0 to 1."""

    def as_json(self) -> dict[str, Any]:
        """The worker's entry in ``GET /ready``; unknown amounts of work are 0."""
        return {
            "url": self.url,
            "healthy": self.healthy,
            "draining": self.draining,
            "cooling": self.cooling,
            "on_trial": self.on_trial,
            "ejected": self.ejected or None,
            "probed_s_ago": None if self.probe_age is None else round(self.probe_age, 1),
            "problem": self.problem or None,
            "models": list(self.models),
            "in_flight": self.requests,
            "expected_work": round(self.expected_tokens or 0),
            "kv_peak": round(self.kv_peak_tokens or 0),
            "kv_capacity": self.kv_capacity_tokens,
            "running": self.engine.running,
            "waiting": self.engine.waiting,
            "kv_usage": self.engine.kv_usage,
        }


def worker_statuses(fleet: Fleet, scheduler: SchedulerPort) -> list[WorkerStatus]:
    """The status of every worker, in the order in which the workers joined."""
    return [_status(member, scheduler) for member in fleet.members]


def _status(member: Member, scheduler: SchedulerPort) -> WorkerStatus:
    status = WorkerStatus(
        url=member.id,
        healthy=member.healthy,
        draining=member.draining,
        cooling=member.cooling,
        on_trial=member.on_trial,
        ejected=member.cooldown.why,
        probe_age=monotonic() - member.probed if member.probed > -math.inf else None,
        models=tuple(member.backend.models),
        engine=member.backend.report,
        problem=member.problem,
    )
    worker = scheduler.workers.get(member.id)
    if worker is None:
        return status
    return replace(
        status,
        requests=len(worker),
        sequences=worker.sequences,
        slots=worker.spec.slots,
        expected_tokens=worker.work,
        kv_peak_tokens=worker.kv_peak,
        kv_capacity_tokens=worker.spec.kv_tokens,
        kv_used_tokens=worker.kv_used,
        kv_forecast_error=worker.kv_check.error,
        kv_forecast_spread=worker.kv_check.spread,
        kv_forecast_trust=worker.trust,
    )
