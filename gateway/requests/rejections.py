"""Rejections: the client's error for each reason for which the scheduler rejects a job."""

from __future__ import annotations

from typing import assert_never

from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.scheduling.build_scheduler import tenant_bound
from gateway.scheduling.retry_after import outage_seconds
from scheduler.actions import Reason


def rejection(reason: Reason, model: str, config: Config, retry_after: int) -> ApiError:
    """The error for a job of ``model`` that the scheduler rejects. The error's code is the reason.

    ``retry_after``: seconds until the queue is shorter.
    """
    match reason:
        case "queue_full":
            status = 429
            text = f"{config.queue.max_waiting} requests wait already (queue.max_waiting). "
            text += "Try again later."
        case "tenant_queue_full":
            status = 429
            text = f"{tenant_bound(config)} of your requests wait already (tenants.max_waiting). "
            text += "Try again later."
        case "queue_timeout":
            status = 504
            text = f"No worker was free within {config.queue.timeout_s:g} s (queue.timeout_s). "
            text += "Try again later."
        case "no_healthy_worker":
            return no_healthy_worker(model, config)
        case _:
            assert_never(reason)
    return ApiError(status, text, code=reason, retry_after=retry_after)


def no_healthy_worker(model: str, config: Config) -> ApiError:
    """The error for a model that no healthy worker serves."""
    return ApiError(
        503,
        f"No healthy worker serves {model[:200] or 'this request'!r} now. GET /ready shows the "
        "state of every worker.",
        code="no_healthy_worker",
        retry_after=outage_seconds(config.health.interval_s),
    )
