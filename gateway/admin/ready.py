"""``GET /ready``: whether the gateway takes requests, for balancers and for people."""

from __future__ import annotations

from typing import Any

from gateway.admin.parts import Parts
from gateway.requests.leaving import Stage
from gateway.workers.status import worker_statuses


def readiness(parts: Parts) -> str:
    """``ready``, or the word for why the gateway should get no requests."""
    if parts.leaving.stage > Stage.SERVING:
        return "draining"
    if parts.dispatcher.away():
        return "scheduler_away"
    return "ready" if parts.fleet.ready else "no_healthy_worker"


def ready_state(parts: Parts, *, whole: bool) -> tuple[dict[str, Any], int]:
    """The body, with queue and workers if ``whole``, and the status of ``GET /ready``.

    A pause alone is no reason to send nothing.
    """
    scheduler, status = parts.scheduler, readiness(parts)
    code = 200 if status == "ready" else 503
    if not whole:
        return {"status": status}, code
    state: dict[str, Any] = {
        "status": status,
        "paused": scheduler.paused,
        "waiting": scheduler.waiting_jobs.by_model(),
        "turn_s": round(scheduler.turn_seconds, 3),
        "workers": [worker.as_json() for worker in worker_statuses(parts.fleet, scheduler)],
        "background": parts.supervisor.tasks,
    }
    if parts.live.source is not None:
        state["configuration"] = parts.live.as_json()
    if parts.access.problem:
        state["keys_problem"] = parts.access.problem
    if parts.tenancy.fair:
        counts = scheduler.waiting_jobs.counts.by_tenant
        state["waiting_by_tenant"] = parts.tenancy.shown(counts)
    return state, code
