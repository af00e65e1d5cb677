"""Whether the gateway is well, in one line, and every reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.admin.parts import Parts
from gateway.config.secret_text import without_secrets
from gateway.requests.leaving import Stage
from gateway.workers.status import WorkerStatus

NEARLY_FULL = 0.8
"""Share of the queue's bound from which on people should know."""

Finding = tuple[str, str]
"""``bad``: requests are refused or go nowhere; ``warning``: somebody should look. And the text."""


def health(parts: Parts, workers: Sequence[WorkerStatus]) -> dict[str, Any]:
    """Level, one line, and all findings, the worst first."""
    findings = [*_serving(parts, workers), *_workers(workers), *_beside(parts)]
    findings.sort(key=lambda finding: finding[0] != "bad")
    level = findings[0][0] if findings else "ok"
    line = findings[0][1] if findings else f"All is well: {_takes(workers)}."
    return {"level": level, "line": line, "findings": [text for _, text in findings]}


def _takes(workers: Sequence[WorkerStatus]) -> str:
    return (
        "1 worker takes requests" if len(workers) == 1 else f"{len(workers)} workers take requests"
    )


def _serving(parts: Parts, workers: Sequence[WorkerStatus]) -> Iterator[Finding]:
    waiting, queue = parts.scheduler.waiting, parts.live.in_force.queue
    if parts.leaving.stage > Stage.SERVING:
        yield "bad", "The gateway is about to end and refuses new requests."
    if not workers:
        yield "bad", "There is no worker: name one in `workers`, or look at `discovery`."
    elif not parts.fleet.ready:
        yield "bad", "No worker takes requests."
    if queue.max_waiting and waiting >= queue.max_waiting:
        yield "bad", f"The queue is full ({waiting} requests): new ones get 429 queue_full."
    elif waiting > NEARLY_FULL * queue.max_waiting:
        yield "warning", f"The queue is nearly full: {waiting} of {queue.max_waiting} requests."
    if parts.scheduler.paused:
        yield "warning", "The queue is paused; `lengthwise resume` lets it go on."


def _workers(workers: Sequence[WorkerStatus]) -> Iterator[Finding]:
    down = [worker for worker in workers if not worker.healthy]
    if down:
        why = f": {without_secrets(down[0].problem)}" if down[0].problem else ""
        rest = f" (and {len(down) - 1} more)" if len(down) > 1 else ""
        yield "warning", f"{len(down)} of {len(workers)} workers are down: {down[0].url}{why}{rest}"
    for worker in workers:
        if worker.healthy and worker.ejected:
            yield "warning", f"{worker.url} gets little: it {worker.ejected}."
        if worker.healthy and worker.problem:
            yield "warning", f"{worker.url}: {without_secrets(worker.problem)}"


def _beside(parts: Parts) -> Iterator[Finding]:
    live, enabled = parts.live, parts.live.in_force.predictor.enabled
    if enabled and not parts.forecaster.artefact_id:
        yield "warning", "No predictor is loaded: forecasts come from recent lengths."
    for name, runs in parts.supervisor.tasks.items():
        if not runs:
            yield "warning", f"The background task {name!r} has failed; it will start again."
    if not live.last.ok:
        yield "warning", f"The changed configuration is refused: {without_secrets(live.last.error)}"
    if live.last.restart:
        yield "warning", f"These settings wait for a restart: {', '.join(live.last.restart)}."
    if parts.access.problem:
        yield "warning", f"The file of keys is refused: {without_secrets(parts.access.problem)}"
