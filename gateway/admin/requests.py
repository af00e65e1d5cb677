"""The pages of the queue, of one request, and of the keys."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from gateway.admin.errors import AdminError
from gateway.admin.overview import rounded
from gateway.admin.parts import Parts
from gateway.config.secret_text import without_secrets
from gateway.requests.in_flight import InFlightRequest
from gateway.requests.under_way import NO_KEY, KeyTotals
from gateway.scheduling.waiting_order import Order, Place
from scheduler.job import Job

MOST_ROWS = 1000


async def queue_page(parts: Parts, order: Order, limit: int) -> dict[str, Any]:
    """The first waiting requests, in the order in which they are expected to start."""
    places = await order.first(min(limit, MOST_ROWS))
    rows = [_waiting(parts, order, place) for place in places]
    return {
        "waiting": parts.scheduler.waiting,
        "paused": parts.scheduler.paused,
        "requests": [row for row in rows if row is not None],
    }


def _waiting(parts: Parts, order: Order, place: Place) -> dict[str, Any] | None:
    """A row of the queue; None for a request that has left it meanwhile."""
    found = parts.under_way.by_job(place.job.id)
    if found is None or place.job.id not in parts.scheduler.waiting_jobs:
        return None
    return {
        "position": place.position,
        **_described(found),
        "waited_s": round(monotonic() - place.job.arrival, 1),
        "starts_in_s": rounded(order.starts_in_s(place)),
    }


def _described(request: InFlightRequest) -> dict[str, Any]:
    job = request.job
    return {
        "id": without_secrets(request.relay.reply.request_id),
        "key": request.key or None,
        "model": job.model,
        "class": job.urgency,
        "tenant": job.tenant or None,
        "prompt_tokens": job.prompt_tokens,
        "expected_tokens": round(job.expected_tokens),
    }


async def request_page(parts: Parts, order: Order, request_id: str) -> dict[str, Any]:
    """The state of the requests with an id; clients may repeat their ids.

    Raises:
        AdminError: none of them waits or runs.
    """
    found = parts.under_way.find(request_id)
    if not found:
        raise AdminError(
            404,
            "unknown_request",
            "No request of this id waits or runs; the access log (log.access) has those that "
            "have ended.",
        )
    return {"requests": [await _state(parts, order, one) for one in found]}


async def _state(parts: Parts, order: Order, request: InFlightRequest) -> dict[str, Any]:
    job, record = request.job, request.relay.record
    place = None
    if job.id in parts.scheduler.waiting_jobs:
        place = await order.place(job.id)
    waits = job.id in parts.scheduler.waiting_jobs
    low, median, high = (round(job.length.quantile(level)) for level in (0.1, 0.5, 0.9))
    dispatched = None if waits else record.dispatched
    return {
        **_described(request),
        "state": "waiting" if waits else "running",
        "age_s": round(monotonic() - record.arrival, 1),
        "queued_s": rounded((dispatched or monotonic()) - record.arrival),
        "position": place.position if waits and place else None,
        "starts_in_s": rounded(order.starts_in_s(place)) if waits and place else None,
        "worker": None if waits else request.worker or None,
        "tokens": request.relay.output_tokens or _progress(job, waits=waits),
        "forecast": {"median": median, "low": low, "high": high, "tier": request.forecast.tier},
        "stream": request.relay.request.generates_stream,
    }


def _progress(job: Job, *, waits: bool) -> int:
    """Tokens so far by the scheduler's estimate, for an answer that is not streamed."""
    return 0 if waits else job.attained * job.sequences


async def top_page(parts: Parts) -> dict[str, Any]:
    """What each key has in the gateway now, and what its requests came to since the start."""
    now, totals = parts.under_way.snapshot(), dict(parts.under_way.totals)
    rows = await asyncio.to_thread(_by_key, parts, now, totals)
    rows.sort(key=lambda row: (-row["waiting"] - row["running"], -row["output_tokens"]))
    return {"uptime_s": round(monotonic() - parts.begun, 1), "keys": rows[:MOST_ROWS]}


def _by_key(
    parts: Parts, requests: Sequence[InFlightRequest], totals: Mapping[str, KeyTotals]
) -> list[dict[str, Any]]:
    waiting_jobs = parts.scheduler.waiting_jobs
    counts: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for request in requests:
        of_key = counts[request.key or NO_KEY]
        waits = request.job.id in waiting_jobs
        of_key[0 if waits else 1] += 1
        job, expected = request.job, waiting_jobs.counts.expected
        of_key[2] += expected(job) if waits else job.remaining_tokens
    rows = []
    for key in {**counts, **totals}:
        waiting, running, tokens = counts.get(key, (0, 0, 0.0))
        ended = totals.get(key) or KeyTotals()
        rows.append(
            {
                "key": key,
                "waiting": waiting,
                "running": running,
                "expected_tokens": round(tokens),
                "ended": ended.ended,
                "prompt_tokens": ended.prompt_tokens,
                "output_tokens": ended.output_tokens,
            }
        )
    return rows
