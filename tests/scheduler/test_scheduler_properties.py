"""The scheduler under any interleaving of calls, against a simple account of jobs and workers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from scheduler.actions import Action, Dispatch, Reject
from scheduler.job import REPORT_TOKENS, Job
from scheduler.kv_forecast import LEAST_STAKE, STEPS
from scheduler.length import LengthDistribution
from scheduler.placement import Placement
from scheduler.policy import LEVEL, POLICIES
from scheduler.scheduler import Scheduler
from scheduler.traffic import FULL_CAUTION_SHARE
from scheduler.worker import KV_LIMIT, KV_PRESENT, Worker
from scheduler.worker_spec import WorkerSpec
from tests.scheduler.builders import distributions, job, running_count, spec, survival

MODELS = ("a", "b")
LONGEST = 1000
MOST_SEQUENCES = 4
LENGTHS = distributions(LONGEST)
POLICY_SPREAD = {
    "fcfs": 0.0,
    "sjf_prompt": math.log(500),
    "sejf": math.log(LONGEST * MOST_SEQUENCES),
    "sept": math.log(LONGEST * MOST_SEQUENCES),
    "kv_volume": math.log(LONGEST * 500 + MOST_SEQUENCES * LONGEST * (LONGEST + 1) / 2),
    "tail_aware": math.log(LONGEST * MOST_SEQUENCES),
    "gittins": math.log(LONGEST * MOST_SEQUENCES),
    "boost": math.log(1000.0) + 1e-3,
}
"""The largest difference of two keys at the same arrival."""

SPECS = st.builds(
    spec,
    id=st.sampled_from(["v", "w", "x"]),
    models=st.sets(st.sampled_from(MODELS), min_size=1),
    slots=st.integers(1, 4),
    kv_tokens=st.none() | st.integers(100, 3000),
    engine_queue=st.integers(0, 2),
    kv_block=st.sampled_from([16, 16, 16, 128]),
)
WORKERS = st.builds(Worker, spec=SPECS, healthy=st.sampled_from([True, True, True, False]))
JOBS = st.builds(
    job,
    id=st.just("named when it is submitted"),
    model=st.sampled_from(MODELS),
    prompt=st.integers(0, 500),
    tokens=LENGTHS,
    sequences=st.integers(1, MOST_SEQUENCES),
    deadline=st.sampled_from([math.inf, math.inf, math.inf, 20.0, 5.0, 0.0]),  # from its arrival
    tenant=st.sampled_from(["", "", "", "p", "q"]),
    share=st.sampled_from([1.0, 3.0]),
    urgency=st.sampled_from([0, 0, 0, 1]),
    affinity=st.sampled_from(["", "s"]),
)


def expected_to_run(one: Job, attained: int) -> float:
    """Sequences of the job, the longest of which has so many tokens: its lengths are alike."""
    if one.sequences == 1:
        return 1.0
    each = survival(one.length, attained)
    some = 1 - (1 - each) ** one.sequences
    return one.sequences * each / some if some > 0 else 1.0


def held(one: Job, attained: int, step: int, half: float) -> tuple[float, float]:
    """Mean and variance of the KV tokens that a job holds so many steps from now."""
    before = survival(one.length, attained)
    alive = survival(one.length, attained + step) / before if before > 0 else float(step == 0)
    left = alive * expected_to_run(one, attained)
    mean = one.prompt_tokens * min(left, 1.0) + left * (attained + step + half)
    return mean, mean * mean * (1 - alive) / alive if alive > 0 else 0.0


def kv_fits(
    counted: list[tuple[Job, int]], new: Job, at: Worker, margin: float, caution: float
) -> bool:
    """Whether the peak stays within the cache, computed from the definitions.

    ``counted`` are the jobs at the worker with the tokens they had when last counted.
    """
    if at.spec.kv_tokens is None:
        return True
    half = (at.spec.kv_block - 1) / 2
    now = sum(held(one, n, 0, half)[0] for one, n in counted)
    own = held(new, 0, 0, half)[0]
    if now + own > at.spec.kv_tokens * KV_PRESENT + margin:
        return False
    if not caution:
        return True
    capacity = at.spec.kv_tokens * KV_LIMIT / caution - at._check.bias * now
    deviations = caution * at.spec.deviations * at._check.scale
    deviations *= math.sqrt(min(1.0, len(counted) / 30))
    for step in STEPS:
        if held(new, 0, step, half)[0] < LEAST_STAKE * own:
            return True
        sums = [held(one, n, step, half) for one, n in [*counted, (new, 0)]]
        mean, variance = map(sum, zip(*sums, strict=True))
        if mean + deviations * math.sqrt(variance) > capacity + margin:
            return False
    return True


pytestmark = pytest.mark.timeout(600)  # a failure is made small before it is shown

# The first step always submits jobs: without jobs nothing can happen.
SOMETHING_SUBMITTED = precondition(lambda self: self.jobs)
SOMETHING_RUNS = precondition(lambda self: self.running)


class AnyInterleaving(RuleBasedStateMachine):
    """Keeps an account of every job and worker, and compares the scheduler with the account."""

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
            self.set_worker(known.spec, known.healthy)

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

    # Calls

    @rule(burst=st.lists(JOBS, min_size=1, max_size=6))
    def submit(self, burst: list[Job]) -> None:
        for new in burst:
            new.id, new.arrival = f"j{len(self.jobs)}", self.now
            new.deadline += self.now
            before = len(self.waiting)
            self.jobs[new.id] = new
            actions = self.scheduler.submit(new)
            self.waiting[new.id] = self.policy(new)  # with the statistics that the scheduler sets
            self.take(actions)
            assert self.scheduler.waiting <= max(before, self.max_waiting)
            refused = [a.reason for a in actions if isinstance(a, Reject) and a.job is new]
            if "no_healthy_worker" not in refused:
                able = [
                    w.id for w in self.workers.values() if w.healthy and new.model in w.spec.models
                ]
                full = [self.scheduler.workers[id].overfull for id in able]
                queued = bool(refused or self.of_model(new.model)) or (bool(full) and all(full))
                self.crowded[new.model] += 0.01 * (queued - self.crowded[new.model])

    @precondition(lambda self: self.waiting or self.running)
    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([*self.waiting, *self.running]))
        with pytest.raises(ValueError, match="already here"):
            self.scheduler.submit(self.jobs[id])

    @SOMETHING_RUNS
    @rule(data=st.data(), attained=st.integers(0, 2 * LONGEST))
    def progress(self, data: st.DataObject, attained: int) -> None:
        id = data.draw(st.sampled_from([*self.running]))
        actions = self.scheduler.progress(id, attained)
        assert self.jobs[id].attained == attained
        worker_id, key, counted = self.running[id]
        if not 0 <= attained - counted < REPORT_TOKENS:
            self.running[id] = (worker_id, key, attained)
        self.take(actions)

    @SOMETHING_SUBMITTED
    @rule(data=st.data(), length=LENGTHS)
    def reprice(self, data: st.DataObject, length: LengthDistribution) -> None:
        id = data.draw(st.sampled_from([*self.jobs]))
        waited, before = id in self.waiting, self.jobs[id].length
        actions = self.scheduler.reprice(id, length)
        assert self.jobs[id].length == (length if waited else before)
        if waited:
            self.waiting[id] = self.policy(self.jobs[id])
        self.take(actions)

    @SOMETHING_SUBMITTED
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.release_one(data.draw(st.sampled_from([*self.jobs])))

    @SOMETHING_RUNS
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.release_one(data.draw(st.sampled_from([*self.running])))

    def release_one(self, id: str) -> None:
        ended = id in self.running
        actions = self.scheduler.release(id, service_s=7.0 if ended else None)
        if id in self.waiting:
            del self.waiting[id]
            self.left.add(id)
        self.running.pop(id, None)
        self.take(actions)

    @SOMETHING_RUNS
    @rule(data=st.data())
    def requeue(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([*self.running]))
        _, key, _ = self.running.pop(id)
        self.waiting[id] = key
        self.retried[id] = self.retried.get(id, 0) + 1
        actions = self.scheduler.requeue(id)
        assert self.jobs[id].attained == 0
        self.take(actions)

    @SOMETHING_SUBMITTED
    @rule(seconds=st.floats(0, 15))
    def let_time_pass(self, seconds: float) -> None:
        self.note_service()
        self.now += seconds
        self.note_service()

    @SOMETHING_SUBMITTED
    @rule()
    def expire(self) -> None:
        stranded = [m for m in MODELS if not self.serves(m)]
        actions = self.scheduler.expire(self.now)
        self.take(actions)
        assert not any(self.jobs[id].deadline <= self.now for id in self.waiting)
        for model in stranded:
            if self.now - self.stranded_since.get(model, math.inf) >= self.grace:
                assert not self.of_model(model), "a job waits without a worker beyond the grace"
            if self.of_model(model):
                self.stranded_since.setdefault(model, self.now)

    @SOMETHING_SUBMITTED
    @rule(spec=SPECS, healthy=st.sampled_from([True, True, True, False]))
    def set_worker(self, spec: WorkerSpec, healthy: bool) -> None:
        self.note_service()
        known = self.workers.get(spec.id)
        if known is not None and known.spec.kv_block != spec.kv_block:
            for id, (where, key, _) in self.running.items():
                if where == spec.id:
                    self.running[id] = (where, key, self.jobs[id].attained)
        self.workers[spec.id] = Worker(spec, healthy)
        self.note_service()
        self.take(self.scheduler.set_worker(spec, healthy=healthy))

    @SOMETHING_SUBMITTED
    @rule(data=st.data())
    def lose_or_regain_a_worker(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([*self.workers]))
        healthy = not self.workers[id].healthy
        self.note_service()
        self.workers[id].healthy = healthy
        self.note_service()
        self.take(self.scheduler.set_health(id, healthy))

    @SOMETHING_SUBMITTED
    @rule(data=st.data(), slots=st.integers(1, 4))
    def set_slots(self, data: st.DataObject, slots: int) -> None:
        known = self.workers[data.draw(st.sampled_from([*self.workers]))]
        self.set_worker(replace(known.spec, slots=slots), known.healthy)

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

    def teardown(self) -> None:
        """With a healthy worker and jobs that end, every job is dispatched."""
        if not hasattr(self, "scheduler"):
            return
        for id in list(self.workers):
            self.workers[id].healthy = False
            self.take(self.scheduler.set_health(id, False))
        self.set_worker(spec("last", models=MODELS), healthy=True)
        for _ in self.jobs:
            for id in list(self.running):
                self.release_one(id)
        assert not self.waiting, "a job is never dispatched"
        assert {*self.dispatches} | self.rejected | self.left == {*self.jobs}, "a job is lost"
        assert not self.left & self.rejected
        self.scheduler.check()


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=60, stateful_step_count=50)


ARRIVALS = st.lists(
    st.tuples(st.sampled_from(MODELS), st.floats(0, 10), st.integers(1, LONGEST)), max_size=30
)


def order_of_service(policy: str, rate: float, arrivals: list[tuple[str, float, int]]) -> list[Job]:
    """The order of dispatch on one slot; all jobs arrive while a first job runs."""
    scheduler = Scheduler(POLICIES[policy](rate))
    scheduler.set_worker(spec(models=MODELS))
    now, order = 0.0, [job("first", model="a")]
    scheduler.submit(order[0])
    for n, (model, gap, tokens) in enumerate(arrivals):
        now += gap
        scheduler.submit(job(f"j{n}", model=model, arrival=now, tokens=tokens))
    while actions := scheduler.release(order[-1].id):
        order += [action.job for action in actions]
    return order[1:]


@given(ARRIVALS)
def test_fcfs_keeps_the_order_of_any_arrivals(
    arrivals: list[tuple[str, float, int]],
) -> None:
    served = order_of_service("fcfs", 0.03, arrivals)
    assert len(served) == len(arrivals)
    for model in MODELS:
        of_model = [int(j.id[1:]) for j in served if j.model == model]
        assert of_model == sorted(of_model)


@given(ARRIVALS, st.sampled_from([0.03, 0.3, 3.0]))
def test_shortest_first_overtakes_within_the_bound_over_any_arrivals(
    arrivals: list[tuple[str, float, int]], rate: float
) -> None:
    served = order_of_service("sejf", rate, arrivals)
    assert len(served) == len(arrivals)
    for n, overtaker in enumerate(served):
        for overtaken in served[n + 1 :]:
            lead = overtaker.arrival_turns - overtaken.arrival_turns
            sizes = (min(j.length.mean, LEVEL * j.usual_tokens) for j in (overtaken, overtaker))
            spread = math.log(next(sizes) / next(sizes))
            assert lead <= 1e-6 or lead <= spread / rate + 1e-6
