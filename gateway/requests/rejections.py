"""Rejections: the error a client gets for each reason for which the scheduler rejects a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.scheduling.build import tenant_bound
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.retry_after import outage_seconds
from scheduler.actions import Reason


@dataclass(frozen=True, slots=True)
class Rejections:
    """Makes client errors of the scheduler's reasons. A reason is also the error's code."""

    config: Config
    dispatcher: Dispatcher

    def error(self, reason: Reason, model: str) -> ApiError:
        """The error for a job of ``model`` that the scheduler rejected for ``reason``."""
        match reason:
            case "queue_full":
                status = 429
                text = f"{self.config.queue.max_waiting} requests wait already "
                text += "(queue.max_waiting). Try again later."
            case "tenant_queue_full":
                status = 429
                text = f"{tenant_bound(self.config)} of your requests wait already "
                text += "(tenants.max_waiting). Try again later."
            case "queue_timeout":
                status = 504
                seconds = f"{self.config.queue.timeout_s:g} s"
                text = f"No worker was free within {seconds} (queue.timeout_s)."
            case "no_healthy_worker":
                return no_healthy_worker(model, self.config)
            case _:
                assert_never(reason)
        return ApiError(status, text, code=reason, retry_after=self.dispatcher.retry_after())


def no_healthy_worker(model: str, config: Config) -> ApiError:
    """The error for a model that no healthy worker serves."""
    return ApiError(
        503,
        f"No healthy worker serves {model[:200] or 'this request'!r} now. GET /ready shows the "
        "state of every worker.",
        code="no_healthy_worker",
        retry_after=outage_seconds(config.health.interval_s),
    )
