"""An account of jobs and workers, with which the scheduler is compared at each step."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
)

from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.placement import Placement
from scheduler.policy import POLICIES
from scheduler.scheduler import Scheduler
from scheduler.traffic import FULL_CAUTION_SHARE
from scheduler.worker import Worker
from scheduler.worker_spec import WorkerSpec
from tests.scheduler.any_jobs import (
    MODELS,
    POLICY_SPREAD,
    WORKERS,
)
from tests.scheduler.builders import running_count
from tests.scheduler.kv_definition import held, kv_fits


class Account(RuleBasedStateMachine):
    """What every job and worker should be doing, and the scheduler that is compared with it."""

    @initialize(
        policy=st.sampled_from(sorted(POLICIES)),
        rate=st.sampled_from([0.03, 1.0]),
        slack=st.sampled_from([0.0, 0.5]),
        max_waiting=st.sampled_from([100, 100, 100, 100, 5, 0]),
        grace=st.sampled_from([10.0, 0.0]),
        workers=st.lists(WORKERS, min_size=1, max_size=2),
    )
    def begin(
        self,
        policy: str,
        rate: float,
        slack: float,
        max_waiting: int,
        grace: float,
        workers: list[Worker],
    ) -> None:
        self.policy = POLICIES[policy](rate)
        spread = POLICY_SPREAD.get(policy, math.inf)
        self.latest_overtaking = spread / rate
        self.max_waiting, self.grace = max_waiting, grace
        self.scheduler = Scheduler(
            self.policy,
            placement=Placement(slack),
            max_waiting=max_waiting,
            no_worker_grace=grace,
        )
        self.now = 0.0
        self.jobs: dict[str, Job] = {}
        self.waiting: dict[str, float] = {}  # id -> key
        self.running: dict[str, tuple[str, float, int]] = {}  # id -> worker, key, counted at
        self.repriced: set[str] = set()
        self.dispatches: dict[str, int] = {}
        self.engine_keys: dict[str, float] = {}
        self.rejected: set[str] = set()
        self.left: set[str] = set()  # released while waiting
        self.retried: dict[str, int] = {}
        self.crowded = dict.fromkeys(MODELS, 0.0)  # share of the arrivals that met a queue
        self.workers: dict[str, Worker] = {}  # without jobs
        self.last_served: dict[str, float] = {}
        self.stranded_since: dict[str, float] = {}
        for known in workers:
            self.put_worker(known.spec, known.healthy)

    # The account

    def serves(self, model: str) -> bool:
        return any(w.healthy and model in w.spec.models for w in self.workers.values())

    def caution(self, model: str, at: Worker) -> float:
        return at.trust * min(1.0, self.crowded[model] / FULL_CAUTION_SHARE)

    def counted(self, at: Worker) -> list[tuple[Job, int]]:
        here = [(id, tokens) for id, (where, _, tokens) in self.running.items() if where == at.id]
        return [(self.jobs[id], tokens) for id, tokens in here]

    def fits(self, waiting: Job, at: Worker) -> bool:
        if not at.healthy or waiting.model not in at.spec.models:
            return False
        here = self.counted(at)
        if not here:
            return True
        sequences = sum(running.sequences for running, _ in here)
        if sequences + waiting.sequences > at.spec.slots + at.spec.engine_queue:
            return False
        # Within this margin of rounding, neither "fits" nor "does not fit" is checked.
        real = self.scheduler.workers[at.id]
        return kv_fits(here, waiting, real, -1e-3, self.caution(waiting.model, real))

    def may_be_passed(self, waiting: Job, at: Worker) -> bool:
        """Whether a job behind this one may go to the worker: this one waits for another worker."""
        able = [w for w in self.workers.values() if w.healthy and waiting.model in w.spec.models]
        return len(able) > 1 and not self.fits(waiting, at)

    def of_model(self, model: str) -> list[str]:
        return [id for id in self.waiting if self.jobs[id].model == model]

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            id = action.job.id
            assert action.job is self.jobs[id]
            assert id in self.waiting, "an action for a job that does not wait"
            if isinstance(action, Dispatch):
                self.take_dispatch(action, self.waiting[id])
            else:
                self.take_reject(action.job, action.reason)
            del self.waiting[id]

    def take_dispatch(self, action: Dispatch, key: float) -> None:
        sent, at = action.job, self.workers[action.worker_id]
        self.take_engine_key(action, key)
        assert at.healthy
        assert sent.model in at.spec.models
        others = self.counted(at)
        sequences = sum(running.sequences for running, _ in others)
        if others:
            assert sequences + sent.sequences <= at.spec.slots + at.spec.engine_queue
            real = self.scheduler.workers[at.id]
            assert kv_fits(others, sent, real, 1e-3, self.caution(sent.model, real))
        for id in self.of_model(sent.model):
            if self.may_be_passed(self.jobs[id], at):
                continue
            assert sent.urgency <= self.jobs[id].urgency, "a job of a higher class was sent first"
            if (self.jobs[id].urgency, self.jobs[id].tenant) != (sent.urgency, sent.tenant):
                continue
            assert key <= self.waiting[id], "a job behind the first job was sent"
            lead = sent.arrival_turns - self.jobs[id].arrival_turns
            assert lead <= self.latest_overtaking + 1e-6, "overtaken by a job beyond the bound"
        self.running[sent.id] = (at.id, key, 0)
        self.dispatches[sent.id] = self.dispatches.get(sent.id, 0) + 1
        assert self.dispatches[sent.id] == 1 + self.retried.get(sent.id, 0), "dispatched twice"

    def take_engine_key(self, action: Dispatch, key: float) -> None:
        """The key is the policy's; where memory is scarcer than slots, keys rise."""
        at, here = self.workers[action.worker_id], self.counted(self.workers[action.worker_id])
        half = (at.spec.kv_block - 1) / 2
        used = sum(held(one, n, 0, half)[0] for one, n in here)
        sequences = sum(one.sequences for one, _ in here)
        if at.spec.kv_tokens is None or used / at.spec.kv_tokens < sequences / at.spec.slots - 1e-9:
            assert action.key == key
        elif used / at.spec.kv_tokens > sequences / at.spec.slots + 1e-9:
            running = (id for id, (where, _, _) in self.running.items() if where == at.id)
            assert action.key == max(key, *(self.engine_keys[id] for id in running))
        self.engine_keys[action.job.id] = action.key

    def take_reject(self, refused: Job, reason: str) -> None:
        self.rejected.add(refused.id)
        if reason == "queue_timeout":
            assert refused.deadline <= self.now
        elif reason == "queue_full":
            assert len(self.waiting) > self.max_waiting
        else:
            assert not self.serves(refused.model)
            assert self.now - self.last_served.get(refused.model, -math.inf) >= self.grace

    def note_service(self) -> None:
        for model in filter(self.serves, MODELS):
            self.last_served[model] = self.now
            self.stranded_since.pop(model, None)

    def put_worker(self, spec: WorkerSpec, healthy: bool) -> None:
        self.note_service()
        known = self.workers.get(spec.id)
        if known is not None and known.spec.kv_block != spec.kv_block:
            for id, (where, key, _) in self.running.items():
                if where == spec.id:
                    self.running[id] = (where, key, self.jobs[id].attained)
        self.workers[spec.id] = Worker(spec, healthy)
        self.note_service()
        self.take(self.scheduler.set_worker(spec, healthy=healthy))

    # Invariants

    @invariant()
    def the_schedulers_check_passes(self) -> None:
        self.scheduler.check()

    @invariant()
    def the_scheduler_holds_the_jobs_of_the_account(self) -> None:
        assert self.scheduler.waiting == len(self.waiting)
        by_model = {model: len(self.of_model(model)) for model in MODELS}
        assert self.scheduler.waiting_jobs.by_model() == {m: n for m, n in by_model.items() if n}
        oldest = {
            m: min(self.jobs[id].arrival for id in self.of_model(m))
            for m in by_model
            if by_model[m]
        }
        assert self.scheduler.waiting_jobs.oldest_arrivals() == oldest
        assert running_count(self.scheduler) == len(self.running)
        placed = [(j.id, w.id) for w in self.scheduler.workers.values() for j in w]
        assert sorted(placed) == sorted((id, at) for id, (at, _, _) in self.running.items())

    @invariant()
    def no_first_job_waits_beside_a_worker_with_room(self) -> None:
        for at in self.workers.values():
            here = [id for id in self.waiting if self.jobs[id].model in at.spec.models]
            # The first job is of the lowest class: if all jobs of that class fit, one must go.
            first = min((self.jobs[id].urgency for id in here), default=0)
            fitting = [
                self.fits(self.jobs[id], at) for id in here if self.jobs[id].urgency == first
            ]
            assert not (fitting and all(fitting)), "a first job waits although it fits"
