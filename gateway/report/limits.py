"""Limits of the workers: from the configuration, a calibration, or what the log shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.calibrate.cost_model import Limits
from gateway.config.workers import WorkerConfig
from gateway.replay.pools import UnlikeWorkersError
from gateway.report.served import LONGEST_NAME, Served
from gateway.shadow.records import WorkerLimits
from predictor.arrays import Array, Flags
from scheduler.worker_spec import KV_BLOCK

_WAITED_S = 0.1
_WAITING_SHARE = 0.01  # of requests that waited, from which on a worker has been full
_LATE_S = 0.01  # a slot is free before the end of its request is noted
_SELDOM = 0.001  # of the time; more at once than this is chance
_EXPECTED = 20.0  # requests of a model from which on their absence says that it is not served


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's limits, and where they are from."""

    limits: WorkerLimits
    slots_known: bool


def workers_of(
    served: Served,
    configured: Sequence[WorkerConfig],
    measured: Limits,
    engine_queue: int,
) -> list[Worker]:
    """The workers that had requests, with the limits that are known or seem to be.

    Raises:
        UnlikeWorkersError: workers serve some of their models together and others alone.
    """
    names, models = served.names("worker"), served.names("model")
    worker_of = np.array(names, dtype=np.object_)  # numpy gives each row the longest one's room
    given = {worker.shown_url[:LONGEST_NAME]: worker for worker in configured}
    served_by = models_of(names, models)
    found = []
    for name in sorted(served_by):
        own = given.get(name)
        slots = (own and own.max_num_seqs) or measured.max_num_seqs
        kv_tokens = (own and own.kv_tokens) or measured.kv_tokens
        limits = WorkerLimits(
            name,
            served_by[name],
            slots or _slots(served, worker_of == name, engine_queue),
            kv_tokens,
            KV_BLOCK,
            measured.max_model_len,
        )
        found.append(Worker(limits, slots is not None))
    return found


def models_of(workers: Sequence[str], models: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Worker -> the models that it serves, by who got which request.

    Workers that share a model serve the same ones, also a rare one that only one of them got.

    Raises:
        UnlikeWorkersError: one of them got none of a model's requests, against all likelihood.
    """
    counts: dict[str, dict[str, int]] = {}
    for (worker, model), number in Counter(zip(workers, models, strict=True)).items():
        if worker:
            counts.setdefault(worker, {})[model] = number
    found: dict[str, tuple[str, ...]] = {}
    for group in _sharing(counts):
        union = tuple(sorted({model for worker in group for model in counts[worker]}))
        _check(group, union, counts)
        found |= dict.fromkeys(group, union)
    return found


def _sharing(counts: Mapping[str, Mapping[str, int]]) -> list[set[str]]:
    """The workers in groups that share models."""
    groups: list[set[str]] = []
    for worker in counts:
        near = [g for g in groups if any(counts[worker].keys() & counts[one].keys() for one in g)]
        groups = [g for g in groups if g not in near] + [{worker}.union(*near)]
    return groups


def _check(group: set[str], models: Sequence[str], counts: Mapping[str, Mapping[str, int]]) -> None:
    total = sum(sum(counts[worker].values()) for worker in group)
    for model in models:
        asked = sum(counts[worker].get(model, 0) for worker in group)
        for worker in group:
            expected = asked * sum(counts[worker].values()) / total
            if expected >= _EXPECTED and model not in counts[worker]:
                raise UnlikeWorkersError(f"workers of the model {model!r} serve different models")


def _slots(served: Served, rows: Flags, engine_queue: int) -> int:
    """Sequences that a worker seems to run at once.

    The gateway fills a worker up to its slots and ``engine_queue`` more while requests wait; where
    none waits, more slots would make no difference.
    """
    own = served.of(rows)
    begin, end = own.time("dispatched") + own.shift, own.time("finished") + own.shift
    known = ~np.isnan(begin)
    most = usual_most(begin[known], end[known] - _LATE_S, own.number("sequences")[known])
    waited = float(np.mean(own.queue_wait[known] > _WAITED_S)) if known.any() else 0.0
    return max(1, most - engine_queue if waited >= _WAITING_SHARE else most)


def usual_most(begin: Array, end: Array, weight: Array) -> int:
    """The largest sum of weights of spans that overlap, but for a thousandth of the time."""
    times, steps = np.concatenate((begin, np.fmax(begin, end))), np.concatenate((weight, -weight))
    order = np.argsort(times, kind="stable")
    level, lasts = np.cumsum(steps[order])[:-1], np.diff(times[order])
    by_level = np.bincount(np.maximum(level, 0).astype(int), weights=lasts)
    beyond = np.cumsum(by_level[::-1])[::-1]  # time with at least so many
    usual = np.flatnonzero(beyond > _SELDOM * by_level[1:].sum())
    return int(usual.max(initial=0))
