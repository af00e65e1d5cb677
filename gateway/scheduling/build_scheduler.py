"""Builds the scheduler from the configuration."""

from __future__ import annotations

import math

from gateway.config.settings import Config
from gateway.scheduling.dispatcher import Dispatcher
from scheduler.placement import Placement
from scheduler.policy import POLICIES, LeastSlack, Policy
from scheduler.queue_bounds import QueueBounds
from scheduler.scheduler import Scheduler


def make_scheduler(config: Config) -> Scheduler:
    """The configured scheduler, without workers."""
    bounds = _bounds(config)
    return Scheduler(
        policy(config),
        placement=Placement(_slack(config)),
        max_waiting=bounds.max_waiting,
        max_waiting_per_tenant=bounds.max_waiting_per_tenant,
        max_waiting_tokens=bounds.max_waiting_tokens,
        no_worker_grace=config.queue.no_worker_grace_s,
    )


def configure(dispatcher: Dispatcher, config: Config) -> None:
    """Let a running scheduler take the sections ``scheduling``, ``queue``, ``tenants``, ``slo``."""
    actions = dispatcher.scheduler.configure(
        policy(config),
        _bounds(config),
        slack=_slack(config),
        no_worker_grace=config.queue.no_worker_grace_s,
    )
    dispatcher.apply(actions)


def _bounds(config: Config) -> QueueBounds:
    queue = config.queue
    tokens = queue.max_waiting_tokens or math.inf
    return QueueBounds(queue.max_waiting, tenant_bound(config), tokens)


def _slack(config: Config) -> float:
    """The slack of ``Placement``; 0 without affinity."""
    scheduling = config.scheduling
    return 0.0 if scheduling.affinity == "none" else scheduling.affinity_slack


def tenant_bound(config: Config) -> int | None:
    """Requests of one tenant that may wait; None if all requests count as one tenant's.

    The default is half of ``queue.max_waiting``: no tenant can fill the queue alone.
    """
    if not config.tenants.fair:
        return None
    return config.tenants.max_waiting or max(1, config.queue.max_waiting // 2)


def policy(config: Config) -> Policy:
    """The configured policy. The policy ``slo`` uses the section ``slo``."""
    scheduling = config.scheduling
    if scheduling.policy == "slo":
        return LeastSlack(ttft=config.slo.ttft_s, tpot=config.slo.tpot_s)
    return POLICIES[scheduling.policy](scheduling.ageing, scheduling.level)
