"""Rejections: the client's error for each reason for which the scheduler rejects a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from gateway.clients.listen_errors import unknown_method
from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.protocol.routes import NEVER, RELAYED, meant
from gateway.scheduling.build_scheduler import tenant_bound
from gateway.scheduling.retry_after import outage_seconds, start_seconds
from scheduler.actions import Reason
from scheduler.records import RequestRecord

WORKER_REFUSED = "worker_refused"
"""Why another model is tried where the workers of one refuse. No client gets this code."""


def rejection(
    reason: Reason, model: str, config: Config, retry_after: int, trouble: Sequence[str] = ()
) -> ApiError:
    """The error for a job of ``model`` that the scheduler rejects. The error's code is the reason.

    ``retry_after``: seconds until the job would have started. ``trouble``: of the workers that are
    down.
    """
    match reason:
        case "queue_full":
            status = 429
            text = f"{config.queue.max_waiting} requests wait already (queue.max_waiting). "
            text += "Try again later."
        case "queue_tokens_full":
            status = 429
            text = f"{config.queue.max_waiting_tokens or 0:g} expected tokens wait already "
            text += "(queue.max_waiting_tokens). Try again later."
        case "tenant_queue_full":
            status = 429
            text = f"{tenant_bound(config)} of your requests wait already (tenants.max_waiting). "
            text += "Try again later."
        case "queue_timeout":
            status = 504
            text = f"No worker was free within {config.queue.timeout_s:g} s (queue.timeout_s). "
            text += "Try again later."
        case "no_healthy_worker":
            return no_healthy_worker(model, config, trouble)
        case _:
            assert_never(reason)
    return ApiError(status, text, code=reason, retry_after=retry_after)


def not_served(method: str, path: str, allowed: Sequence[str]) -> ApiError:
    """The error for a path or a method that is not served; ``allowed`` are the path's methods."""
    if method not in (*RELAYED, *NEVER):
        return unknown_method(method[:20])
    if method in NEVER or (allowed and method not in allowed):
        status, remedy = 405, f"Methods of this path: {', '.join(allowed) or 'none'}."
    elif served := meant(path):
        status, remedy = 404, f"Correct the client's base URL: {served} is served."
    else:
        status = 404
        remedy = (
            "The table of endpoints in gateway/README.md shows the paths that are; "
            "endpoints.queued of the gateway's configuration adds one."
        )
    error = ApiError(
        status, f"{method[:20]} {path[:200]} is not served. {remedy}", code="not_found"
    )
    if status == 405:
        error.headers = [(b"allow", ", ".join(allowed).encode())]
    return error


def endpoint_refused(method: str, path: str) -> ApiError:
    """The error for a path that steers an engine."""
    return ApiError(
        403,
        f"{method} {path[:200]} steers an engine, so the gateway does not pass it on. Send it to "
        "the worker itself, or allow the path in endpoints.to_every_worker of the gateway's "
        "configuration.",
        code="endpoint_refused",
    )


def body_too_large(config: Config) -> ApiError:
    """The error for a body that is too long, as sent or unpacked."""
    return ApiError(
        413,
        f"The body has more than {config.requests.max_body_bytes} bytes. Send less, or raise "
        "requests.max_body_bytes in the gateway's configuration.",
        code="body_too_large",
    )


def body_timeout(config: Config) -> ApiError:
    """The error for a body that did not come in time."""
    return ApiError(
        408,
        f"The body was not complete within {config.requests.body_timeout_s:g} s "
        "(requests.body_timeout_s). Send it faster, send less, or raise the setting.",
        code="body_timeout",
    )


def time_limit(record: RequestRecord, config: Config) -> float:
    """Until when a request may take, on the clock of its record."""
    return min(record.arrival + config.requests.timeout_s, record.due)


def request_timeout(record: RequestRecord, config: Config) -> ApiError:
    """The error for a request without a complete answer in time."""
    seconds, source = config.requests.timeout_s, "requests.timeout_s"
    if record.due < record.arrival + seconds:
        seconds, source = record.due - record.arrival, "X-Request-Timeout, or timeout_s of the key"
    return ApiError(
        504,
        f"No complete answer within {seconds:g} s ({source}). Ask for fewer tokens, or stream.",
        code="request_timeout",
    )


def deadline_unreachable(limit_s: float, needed_s: float, *, declared: bool) -> ApiError:
    """The error for a request that waits and would be late, by its forecast and the queue."""
    if declared:
        late = f"The answer would be complete after some {needed_s:.0f} s, and X-Request-Timeout, "
        late += "or timeout_s of the key,"
    else:
        late = f"The answer would begin after some {needed_s:.0f} s, and slo.ttft_s"
    return ApiError(
        503,
        f"{late} allows {limit_s:g} s (queue.reject_hopeless). Ask for fewer tokens, allow more "
        "time, or try again later.",
        code="deadline_unreachable",
        retry_after=start_seconds(needed_s - limit_s),
    )


def workers_failed(
    config: Config, last: ApiError | None = None, *, denied: bool = False
) -> ApiError:
    """The error for a request that failed on every worker that was tried.

    ``last`` is the error of the last one, where it has one of its own. ``denied``: the gateway's
    retries are spent, so that fewer were tried.
    """
    if last is not None:
        return last
    if denied:
        settings = config.requests
        return ApiError(
            502,
            "The worker failed before the first byte of the answer, and the gateway has spent its "
            f"retries: {settings.retry_share:g} of the requests of the last 10 s "
            f"(requests.retry_share) and {settings.retries_per_s:g} each second "
            "(requests.retries_per_s). Most workers fail now: send the request again later.",
            code="worker_failed",
        )
    return ApiError(
        502,
        f"{config.requests.retries + 1} workers failed before the first byte of the answer "
        "(requests.retries). Send the request again; if it fails again, the request itself may be "
        "the cause.",
        code="worker_failed",
    )


def workers_refused(status: int) -> ApiError:
    """The error for a model whose workers all refuse, where another model is tried after it."""
    return ApiError(
        status,
        f"The worker answered {status}. Send the request again later.",
        code=WORKER_REFUSED,
    )


def worker_redirects() -> ApiError:
    """The error for a worker that answers with a redirect."""
    return ApiError(
        502,
        "The worker answered with a redirect, which the gateway does not follow: it would "
        "carry the request and its key elsewhere. The gateway's log names the address that "
        "the worker's URL should have.",
        code="worker_failed",
    )


def worker_broke_off() -> ApiError:
    """The error for an answer that has begun and will not end."""
    return ApiError(
        502,
        "The worker failed in the middle of the answer. Send the request again.",
        code="worker_failed",
    )


def no_healthy_worker(model: str, config: Config, trouble: Sequence[str] = ()) -> ApiError:
    """The error for a model that no healthy worker serves; ``trouble``: what is wrong with them."""
    why = "".join(f" A worker {what}." for what in trouble)
    return ApiError(
        503,
        f"No healthy worker serves {model[:200] or 'this request'!r} now.{why} GET /ready shows "
        "the state of every worker.",
        code="no_healthy_worker",
        retry_after=outage_seconds(config.health.interval_s),
    )
