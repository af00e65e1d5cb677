"""Snapshot: what the live page shows of one moment, and what a new viewer gets first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from time import monotonic
from typing import Any

from gateway.admin.dashboard.health import health
from gateway.admin.dashboard.latency import by_length
from gateway.admin.overview import forecasts, metric_sum
from gateway.admin.parts import Parts
from gateway.config.effective import effective
from gateway.config.load import Loaded
from gateway.config.secret_text import without_secrets
from gateway.requests.recent import Answer, Failure
from gateway.telemetry.process import own_version
from gateway.workers.status import WorkerStatus, worker_statuses
from scheduler.kv_forecast import STEPS
from scheduler.waiting_counts import LENGTHS

MOST_POINTS = 400
"""Answers of the picture of forecasts that a viewer gets at once."""


@dataclass(slots=True)
class Snapshots:
    """Takes snapshots; each tells what has ended since the one before."""

    parts: Parts
    _answered: int = 0
    _failed: int = -1
    _latency: tuple[int, list[dict[str, Any]]] = (-1, [])

    def begin(self) -> dict[str, Any]:
        """What a viewer needs before the first snapshot."""
        recent, live = self.parts.recent, self.parts.live
        settings = effective(Loaded(live.in_force, live.places))
        return {
            "version": own_version(),
            "lengths": LENGTHS,
            "steps": STEPS,
            "configuration": {
                **live.as_json(),
                "policy": live.in_force.scheduling.policy,
                "settings": [one.as_json() for one in settings],
            },
            "ended": list(_points(self._last(recent.answered - self._answered))),
            "errors": self._errors(),
        }

    def take(self) -> dict[str, Any]:
        """The present."""
        parts, scheduler = self.parts, self.parts.scheduler
        workers = worker_statuses(parts.fleet, scheduler)
        state = {
            "time": round(time.time(), 3),
            "uptime_s": round(monotonic() - parts.begun),
            "health": health(parts, workers),
            "in_flight": sum(parts.under_way.by_key.values()),
            "waiting": scheduler.waiting,
            "expected_tokens": round(scheduler.waiting_jobs.counts.tokens),
            "queue": list(scheduler.waiting_jobs.counts.by_length.values()),
            "answers": parts.recent.answered,
            "output_tokens": int(metric_sum(parts.metrics.answers.generation_tokens)),
            "workers": [self._worker(worker) for worker in workers],
            "latency": self._latencies(),
            "saved": _saved(parts.shadow.page),
            "forecasts": forecasts(parts),
            "configuration": parts.live.hash,
            "ended": self._ended(),
        }
        if parts.recent.failed != self._failed:
            self._failed = parts.recent.failed
            state["errors"] = self._errors()
        return state

    def _worker(self, status: WorkerStatus) -> dict[str, Any]:
        known = self.parts.scheduler.workers.get(status.url)
        shown: dict[str, Any] = {
            "url": status.url,
            "state": _state(status, drained=self.parts.fleet[status.url].drained),
            "problem": without_secrets(status.problem) or status.ejected or None,
            "models": status.models[:3],
            "sequences": status.sequences or 0,
            "slots": status.slots,
            "engine_waiting": status.engine.waiting,
            "preemptions": status.engine.preemptions,
        }
        if known is not None:
            ahead = known.kv_ahead
            shown |= {
                "kv_used": round(known.kv_used),
                "kv_capacity": status.kv_capacity_tokens,
                "kv_mean": [round(mean) for mean, _ in ahead],
                "kv_upper": [round(upper) for _, upper in ahead],
                "pace": None if known.pace.rate is None else round(known.pace.rate, 2),
            }
        return shown

    def _latencies(self) -> list[dict[str, Any]]:
        recent = self.parts.recent
        if self._latency[0] != recent.answered:
            self._latency = recent.answered, by_length(recent.answers)
        return self._latency[1]

    def _ended(self) -> list[list[int]]:
        """The points of the answers since the last snapshot."""
        recent = self.parts.recent
        new = recent.answered - self._answered
        self._answered = recent.answered
        return list(_points(self._last(0)[-new:] if new else []))

    def _last(self, but: int) -> list[Answer]:
        """The last answers but so many, which the next snapshot will tell."""
        answers = islice(reversed(self.parts.recent.answers), but, but + MOST_POINTS)
        return list(answers)[::-1]

    def _errors(self) -> list[dict[str, Any]]:
        return [_shown(failure) for failure in reversed(self.parts.recent.errors.values())]


def _saved(page: Mapping[str, Any]) -> dict[str, Any]:
    """What the policy saves by class of length; ``state`` is ok, or why there are no figures."""
    shown = {name: page.get(name) for name in ("state", "requests", "window_s")}
    model = page.get("model", {})
    errors = model.get("error_ratio", {})
    off = {name: errors[name] for name in model.get("beyond", ()) if name in errors}
    fit = {"error": errors.get("mean_e2e"), "off": off, "cost_factor": model.get("cost_factor")}
    return {**shown, **fit, "against": page.get("saved", {})}


def _points(answers: Iterable[Answer]) -> Iterator[list[int]]:
    """Tokens that came, then low end, middle and high end of the forecast."""
    for answer in answers:
        if answer.forecast is not None:
            yield [answer.tokens, *answer.forecast]


def _shown(failure: Failure) -> dict[str, Any]:
    fields = asdict(failure)
    for name in ("reason", "request_id"):
        fields[name] = without_secrets(fields[name])
    return fields | {"last": round(failure.last, 1)}


def _state(status: WorkerStatus, *, drained: bool) -> str:
    """One word for what a worker is up to."""
    if not status.healthy:
        return "down"
    if drained or status.draining:
        return "draining"
    if status.cooling:
        return "cooling"
    return "on trial" if status.on_trial else "up"
