"""Deadlines: until when a client wants its whole answer, and what cannot come until then."""

from __future__ import annotations

import math

from gateway.config.access import LONGEST_TIMEOUT_S, Rights
from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers, header
from gateway.requests.rejections import deadline_unreachable
from gateway.scheduling.dispatcher import Dispatcher
from scheduler.job import Job

HEADER = b"x-request-timeout"
"""Request header with the seconds that the client gives its request."""


def time_given(headers: Headers, rights: Rights | None) -> float:
    """The seconds that a request has by its headers and its holder's rights; infinite without both.

    Raises:
        ApiError: 400, the header is no number of seconds.
    """
    most = None if rights is None else rights.timeout_s
    return min(declared_timeout(headers), math.inf if most is None else most)


def declared_timeout(headers: Headers) -> float:
    """The seconds that the client gives its request; infinite where it does not say.

    Raises:
        ApiError: 400, the header is no number of seconds.
    """
    text = header(headers, HEADER)
    if not text:
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_TIMEOUT_S:
        raise ApiError(
            400,
            "X-Request-Timeout must be a number of seconds above 0 and up to "
            f"{LONGEST_TIMEOUT_S:.0f}, got {text[:40]!r}. Correct the header, or leave it out.",
            code="invalid_timeout",
        )
    return seconds


def check_reachable(job: Job, config: Config, dispatcher: Dispatcher) -> None:
    """Refuse a job that waits and will more likely than not be late, by ``queue.reject_hopeless``.

    Raises:
        ApiError: 503, with the seconds after which the queue is short enough.
    """
    mode, declared = config.queue.reject_hopeless, job.due < math.inf
    if mode == "never" or (mode == "declared" and not declared):
        return
    needed_s = dispatcher.starts.seconds(job)
    if needed_s is None:
        return
    limit_s = config.slo.ttft_s
    if declared:
        limit_s, needed_s = job.due - job.arrival, needed_s + _answer_s(job, dispatcher)
    if needed_s > limit_s:
        raise deadline_unreachable(limit_s, needed_s, declared=declared)


def _answer_s(job: Job, dispatcher: Dispatcher) -> float:
    """Seconds that a median answer takes at the fastest worker; 0 before its pace is known."""
    workers = dispatcher.scheduler.workers.values()
    rates = [worker.pace.rate for worker in workers if job.model in worker.spec.models]
    fastest = max((rate for rate in rates if rate is not None), default=math.inf)
    return job.length.quantile(0.5) / fastest
