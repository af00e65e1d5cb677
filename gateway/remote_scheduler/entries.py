"""What each entry of a front's message does to the core."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.remote_scheduler.core import Core, Refusal, Session
from gateway.remote_scheduler.front_messages import (
    Adopt,
    Ask,
    FromFront,
    ObserveKv,
    Pause,
    Progress,
    Release,
    RemoveWorker,
    Reprice,
    Requeue,
    Resubmit,
    Resubmitted,
    Settings,
    SetWorker,
    Submit,
)
from gateway.remote_scheduler.policies import policy_of
from gateway.remote_scheduler.states import MemoryState
from gateway.remote_scheduler.wire import job_of, length_of, spec_of
from scheduler.job import Job
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from scheduler.queue_bounds import QueueBounds


def _settings(core: Core, session: Session, entry: Settings) -> None:
    policy = policy_of(entry.policy)
    numbers = entry.stamp, entry.slack, entry.no_worker_grace, policy(_SAMPLE)
    if not all(map(math.isfinite, numbers)) or math.isnan(entry.max_waiting_tokens):
        raise ValueError(f"the settings {entry} hold what is no number")
    if not core.facts.newest(entry):
        return
    tokens = entry.max_waiting_tokens
    bounds = QueueBounds(entry.max_waiting, entry.max_waiting_per_tenant, tokens)
    core.act(
        core.scheduler.configure(
            policy, bounds, slack=entry.slack, no_worker_grace=entry.no_worker_grace
        )
    )


_SAMPLE = Job("", "", 0.0, 10, LengthDistribution.point(100), usual_tokens=100.0)
"""A policy that fails with this job is none."""


def _set_worker(core: Core, session: Session, entry: SetWorker) -> None:
    core.facts.set(session.number, spec_of(entry), healthy=entry.healthy)
    core.settle_worker(entry.id)


def _remove_worker(core: Core, session: Session, entry: RemoveWorker) -> None:
    core.facts.remove(session.number, entry.id)
    core.settle_worker(entry.id)


def _observe_kv(core: Core, session: Session, entry: ObserveKv) -> None:
    if not (math.isfinite(entry.used_tokens) and math.isfinite(entry.prefix_hits)):
        raise ValueError(f"worker {entry.id[:200]}: its KV report holds what is no number")
    if core.facts.leads(session.number, entry.id) and entry.id in core.scheduler.workers:
        report = KvReport(entry.used_tokens, entry.prefix_hits, entry.settled)
        core.act(core.scheduler.observe_kv(entry.id, report))


def _pause(core: Core, session: Session, entry: Pause) -> None:
    core.pause(entry.paused)


def _submit(core: Core, session: Session, entry: Submit) -> None:
    core.submit(session, entry)


def _resubmit(core: Core, session: Session, entry: Resubmit) -> None:
    job = core.own(session, entry.n, job_of(entry.job, "", session.later_s))
    core.act(core.scheduler.resubmit(job))


def _adopt(core: Core, session: Session, entry: Adopt) -> None:
    if entry.worker not in core.scheduler.workers or math.isnan(entry.key):
        raise ValueError(f"job {entry.n} runs at {entry.worker[:200]!r}, which nobody has")
    job = core.own(session, entry.n, job_of(entry.job, "", session.later_s))
    core.scheduler.adopt(job, entry.worker, entry.key)


def _reprice(core: Core, session: Session, entry: Reprice) -> None:
    length = length_of(entry.tokens, entry.mass)
    if (job := session.jobs.get(entry.n)) is not None:
        core.act(core.scheduler.reprice(job.id, length))
    elif (late := session.late.get(entry.n)) is not None:
        late.job.tokens, late.job.mass = entry.tokens, entry.mass


def _progress(core: Core, session: Session, entry: Progress) -> None:
    job = session.jobs.get(entry.n)
    if job is not None and job.id not in core.scheduler.waiting_jobs:
        running = None if entry.running is None else min(entry.running, job.sequences)
        core.act(core.scheduler.progress(job.id, entry.attained, running))


_LONGEST_S = 1e7
"""Seconds that no answer takes."""


def _release(core: Core, session: Session, entry: Release) -> None:
    job = session.jobs.get(entry.n)
    if job is None:  # it has been rejected meanwhile, or is not submitted yet
        session.late.pop(entry.n, None)
        return
    service_s = entry.service_s
    if service_s is not None and not 0 <= service_s <= _LONGEST_S:
        raise ValueError(f"job {entry.n} took {service_s} s")
    if job.id not in core.scheduler.waiting_jobs:
        core.rates.ended(job, None if service_s is None else entry.attained)
        if not core.scheduler.paused:
            core.rates.left(job, core.scheduler.waiting)
    actions = core.scheduler.release(job.id, entry.attained, service_s=service_s)
    core.forget(job.id)
    core.act(actions)


def _requeue(core: Core, session: Session, entry: Requeue) -> None:
    job = session.jobs.get(entry.n)
    if job is None or job.id in core.scheduler.waiting_jobs:
        raise ValueError(f"job {entry.n} does not run, and is to be queued again")
    job.shuns = frozenset(entry.shuns)
    core.act(core.scheduler.requeue(job.id))


def _ask(core: Core, session: Session, entry: Ask) -> None:
    core.asked = core.clock()


def _resubmitted(core: Core, session: Session, entry: Resubmitted) -> None:
    session.complete = True
    core.end_hold()


def _memory(core: Core, session: Session, entry: MemoryState) -> None:
    if core.held:
        core.remember(entry)


TAKE: Mapping[type, Callable[[Core, Session, Any], None]] = {
    Settings: _settings,
    SetWorker: _set_worker,
    RemoveWorker: _remove_worker,
    ObserveKv: _observe_kv,
    Pause: _pause,
    Submit: _submit,
    Resubmit: _resubmit,
    Adopt: _adopt,
    Reprice: _reprice,
    Progress: _progress,
    Release: _release,
    Requeue: _requeue,
    Ask: _ask,
    Resubmitted: _resubmitted,
    MemoryState: _memory,
}
"""By the entry's type. A hello comes first, and once."""


def take(core: Core, session: Session, entries: Iterable[FromFront]) -> None:
    """Take the entries of one message.

    Raises:
        Refusal: an entry says what it must not; the front must be ended.
    """
    core.tick()
    try:
        with core.scheduler.together():
            for entry in entries:
                _take_one(core, session, entry)
    finally:
        core.act(core.scheduler.decide())


def _take_one(core: Core, session: Session, entry: FromFront) -> None:
    does = TAKE.get(type(entry))
    if does is None:
        raise Refusal(f"front {session.name!r} said {type(entry).__name__} out of turn")
    try:
        does(core, session, entry)
    except (ValueError, ArithmeticError) as error:
        raise Refusal(f"front {session.name!r}: {error}") from error
