"""What the shadow's process needs to know of the gateway: its settings and its workers."""

from __future__ import annotations

from typing import Any

from gateway.config.settings import Config
from gateway.workers.fleet import Fleet
from gateway.workers.member import Member
from scheduler.worker_spec import KV_BLOCK


def setup_of(config: Config, fleet: Fleet) -> dict[str, Any]:
    """The settings of the policy and of the replay, and each worker that takes requests."""
    shadow = config.shadow
    return {
        **policy_of(config),
        "window_s": shadow.window_s,
        "interval_s": shadow.interval_s,
        "most_requests": shadow.most_requests,
        "tolerance": shadow.tolerance,
        "workers": [_worker(fleet, member) for member in fleet.members if member.takes_jobs],
    }


def policy_of(config: Config) -> dict[str, Any]:
    """The settings of the policy."""
    scheduling = config.scheduling
    return {
        "policy": scheduling.policy,
        "ageing": scheduling.ageing,
        "level": scheduling.level,
        "engine_queue": scheduling.engine_queue,
        "priority": scheduling.send_priority,
        "overflow": scheduling.kv_overflow,
        "tenants": config.tenants.fair,
        "kv_report_s": config.health.scrape_s,
    }


def _worker(fleet: Fleet, member: Member) -> tuple[Any, ...]:
    """The fields of ``WorkerLimits``."""
    known, backend = fleet.scheduled(member.id), member.backend
    lengths = [backend.max_model_len(model) for model in backend.models]
    context = max(lengths, default=0.0)
    return (
        *(member.id, tuple(backend.models)),
        known.spec.slots if known is not None else 1,
        known.spec.kv_tokens if known is not None else None,
        known.spec.kv_block if known is not None else KV_BLOCK,
        int(context) if 0 < context < float("inf") else None,
    )
