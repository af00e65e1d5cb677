"""Scheduling: the configured scheduler, and what a request tells it beside its length."""

from __future__ import annotations

from gateway.config.settings import Config
from scheduler.placement import Placement
from scheduler.policy import POLICIES, LeastSlack, Policy
from scheduler.scheduler import Scheduler


def make_scheduler(config: Config) -> Scheduler:
    """The scheduler as configured, without workers."""
    scheduling, queue = config.scheduling, config.queue
    slack = 0.0 if scheduling.affinity == "none" else scheduling.affinity_slack
    return Scheduler(
        policy(config),
        placement=Placement(slack),
        max_waiting=queue.max_waiting,
        max_waiting_per_tenant=tenant_bound(config),
        no_worker_grace=queue.no_worker_grace_s,
    )


def tenant_bound(config: Config) -> int | None:
    """Requests of one tenant that may wait; None where tenants are not told apart.

    Not configured, it is half the queue: a flood must not have the others turned away.
    """
    if not config.tenants.fair:
        return None
    return config.tenants.max_waiting or max(1, config.queue.max_waiting // 2)


def policy(config: Config) -> Policy:
    """The configured policy; the order by objective takes the objective itself."""
    scheduling = config.scheduling
    if scheduling.policy == "slo":
        return LeastSlack(ttft=config.slo.ttft_s, tpot=config.slo.tpot_s)
    return POLICIES[scheduling.policy](scheduling.ageing, scheduling.level)
