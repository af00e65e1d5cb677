"""``GET /admin/status``: workers, queue and forecasts at one glance."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from prometheus_client import Counter, Histogram

from gateway.admin.parts import Parts
from gateway.admin.ready import readiness
from gateway.telemetry.process import own_version
from gateway.workers.status import WorkerStatus, worker_statuses
from scheduler.waiting_counts import LENGTHS

MOST_SHOWN = 50
"""Keys and tenants that a page lists, those of the largest counts."""


def overview(parts: Parts) -> dict[str, Any]:
    """The page. Its time does not grow with the queue."""
    scheduler = parts.scheduler
    workers = worker_statuses(parts.fleet, scheduler)
    return {
        "status": readiness(parts),
        "paused": scheduler.paused,
        "version": own_version(),
        "uptime_s": round(monotonic() - parts.begun, 1),
        "requests_in_flight": sum(parts.under_way.by_key.values()),
        "workers": [_worker(parts, worker) for worker in workers],
        "queue": _queue(parts),
        "forecasts": forecasts(parts),
        "saved": _saved(parts),
        "configuration": parts.live.as_json(),
        "keys_problem": parts.access.problem or None,
    }


def _worker(parts: Parts, worker: WorkerStatus) -> dict[str, Any]:
    known = parts.scheduler.workers.get(worker.url)
    return {
        **worker.as_json(),
        "drained": parts.fleet[worker.url].drained,
        "slots": worker.slots,
        "sequences": worker.sequences,
        "kv_used": None if known is None else round(known.kv_used),
    }


def _queue(parts: Parts) -> dict[str, Any]:
    jobs = parts.scheduler.waiting_jobs
    counts, rates = jobs.counts, parts.dispatcher.rates
    bounds = (*LENGTHS, None)
    models = jobs.by_model()
    return {
        "waiting": len(jobs),
        "expected_tokens": round(counts.tokens),
        "by_model": models,
        "by_class": {str(urgency): count for urgency, count in sorted(counts.by_urgency.items())},
        "by_length": [
            {"up_to_tokens": bound, "waiting": counts.by_length[index]}
            for index, bound in enumerate(bounds)
        ],
        "by_tenant": most(counts.by_tenant) if parts.tenancy.fair else {},
        "starting_tokens_per_s": {model: rounded(rates.per_s(model)) for model in models},
    }


def forecasts(parts: Parts) -> dict[str, Any]:
    """How good the forecasts were since the start; None before the first answer."""
    inside, outside = (metric_sum(parts.metrics.intervals, result=r) for r in ("inside", "outside"))
    answers = inside + outside
    error = metric_sum(parts.metrics.prediction_error, "_sum")
    return {
        "predictor": parts.forecaster.artefact_id or None,
        "refines": parts.forecaster.refines,
        "answers": int(answers),
        "interval_coverage": round(inside / answers, 3) if answers else None,
        "mean_absolute_error_tokens": round(error / answers, 1) if answers else None,
        "fallbacks": int(metric_sum(parts.metrics.fallbacks)),
    }


def _saved(parts: Parts) -> dict[str, Any]:
    """What the policy saves over all lengths; ``state`` is ok, or why there are no figures."""
    page = parts.shadow.page
    shown = ("state", "policy", "requests", "window_s", "age_s")
    saved = {against: classes["all"] for against, classes in page.get("saved", {}).items()}
    model = page.get("model", {})
    fit = {name: model.get(name) for name in ("error_ratio", "cost_factor", "tolerance", "beyond")}
    return {**{name: page.get(name) for name in shown}, **fit, "against": saved}


def metric_sum(metric: Counter | Histogram, end: str = "_total", **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    return sum(
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if sample.name.endswith(end) and labels.items() <= sample.labels.items()
    )


def most(counts: Mapping[str, int]) -> dict[str, int]:
    """The largest counts by name, and the sum of all others as ``others``."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    shown = {name or "shared": count for name, count in ordered[:MOST_SHOWN]}
    if rest := sum(count for _, count in ordered[MOST_SHOWN:]):
        shown["others"] = shown.get("others", 0) + rest
    return shown


def rounded(value: float | None, digits: int = 1) -> float | None:
    """A value for people; None stays None."""
    return None if value is None else round(value, digits)
