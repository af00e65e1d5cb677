"""The order is one: through any number of fronts requests start as in a single process."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.remote_scheduler.core import Core
from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.placement import Placement
from scheduler.policy import POLICIES
from scheduler.scheduler import Scheduler
from scheduler.waiting_order import start_order
from tests.gateway.remote_scheduler.links import Link, core_of, fronts, held_by, settle
from tests.scheduler.builders import spec

REQUESTS = 3000
STEP_S, REPORTS_S = 0.02, 0.64
SPECS = [
    spec("v", slots=8, kv_tokens=20_000, models=("m", "n")),
    spec("w", slots=8, kv_tokens=20_000),
]

Starts = list[tuple[str, str, float]]
Send = Callable[[int, str, Job, Any], list[Action]]


def traffic(requests: int) -> list[tuple[Job, int, LengthDistribution | None]]:
    """Seeded jobs of two models and three tenants, their true lengths, and better forecasts."""
    drawn = random.Random(20)
    arrival, jobs = 0.0, []
    for number in range(requests):
        arrival += drawn.expovariate(8.0 if number % 1000 < 700 else 2.0)
        guess = drawn.lognormvariate(4.5, 1.0)
        true = max(1, int(guess * drawn.lognormvariate(0.0, 0.5)))
        length = LengthDistribution.from_samples(
            [guess * drawn.lognormvariate(0.0, 0.5) for _ in range(12)]
        )
        job = Job(
            *(f"job {number}", "n" if number % 5 == 0 else "m", arrival),
            prompt_tokens=drawn.randrange(10, 2000),
            length=length,
            tenant=drawn.choice("abc"),
            share=drawn.choice((1.0, 2.0)),
            urgency=int(number % 50 == 0),
            deadline=arrival + 300.0,
            streams=number % 3 > 0,
        )
        better = LengthDistribution.point(true) if number % 7 == 0 else None
        jobs.append((job, true, better))
    return jobs


def run(send: Send, clock: list[float], requests: int) -> Starts:
    """The dispatches of the traffic in virtual time: job, worker and time of each."""
    events: list[tuple[float, int, str, str, Any]] = []
    jobs: dict[str, tuple[Job, int]] = {}
    starts: Starts = []
    ticket = 0

    def plan(at: float, what: str, job_id: str, value: Any = None) -> None:
        nonlocal ticket
        ticket += 1
        heapq.heappush(events, (at, ticket, what, job_id, value))

    for job, true, better in traffic(requests):
        jobs[job.id] = replace(job), true
        plan(job.arrival, "submit", job.id)
        if better is not None:
            plan(job.arrival + 0.3, "reprice", job.id, better)
    began: dict[str, float] = {}
    while events:
        clock[0], _, what, job_id, value = heapq.heappop(events)
        job, true = jobs[job_id]
        if what == "progress" and job_id in began:
            value = int((clock[0] - began[job_id]) / STEP_S)
        if what == "release":
            value = true, clock[0] - began.pop(job_id)
        for action in send(int(job_id.split()[1]), what, job, value):
            assert isinstance(action, Dispatch)
            one = action.job.id
            starts.append((one, action.worker_id, round(clock[0], 6)))
            began[one] = clock[0]
            end = clock[0] + STEP_S * jobs[one][1]
            plan(end, "release", one)
            at = clock[0] + REPORTS_S
            while action.job.streams and at < end:
                plan(at, "progress", one)
                at += REPORTS_S
    return starts


def called(scheduler: Any, what: str, job: Job, value: Any) -> list[Action]:
    """One call of a scheduler."""
    actions: list[Action]
    if what == "submit":
        actions = scheduler.submit(job)
    elif what == "release":
        actions = scheduler.release(job.id, value[0], service_s=value[1])
    else:
        actions = getattr(scheduler, what)(job.id, value)
    return actions


def in_process(policy: str, requests: int = REQUESTS) -> Starts:
    """The starts with the scheduler in the same process."""
    scheduler, clock = Scheduler(POLICIES[policy](0.1), placement=Placement(0.0)), [0.0]
    for one in SPECS:
        scheduler.set_worker(one)

    def send(number: int, what: str, job: Job, value: Any) -> list[Action]:
        actions = scheduler.tick(clock[0])
        return actions + called(scheduler, what, job, value)

    return run(send, clock, requests)


def through(count: int, policy: str, requests: int = REQUESTS) -> Starts:
    """The starts through so many fronts."""
    clock = [0.0]
    links = fronts(count, SPECS, POLICIES[policy](0.1))
    core = core_of(links, lambda: clock[0])

    def send(number: int, what: str, job: Job, value: Any) -> list[Action]:
        link: Link = links[number % count]
        called(link.scheduler, what, job, value)
        settle(core, [link])  # first the front that speaks, as its message comes first
        settle(core, links)
        actions = [action for one in links for action in one.actions]
        for one in links:
            one.actions.clear()
        return actions

    starts = run(send, clock, requests)
    core.scheduler.check()
    return starts


@pytest.fixture(scope="module")
def single() -> Starts:
    """The starts in a single process, under the default policy."""
    return in_process("sejf")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_through_fronts_requests_start_as_in_one_process(single: Starts, count: int) -> None:
    there = through(count, "sejf")
    assert len(there) == len(single) == REQUESTS
    assert there == single


@pytest.mark.parametrize("policy", ["fcfs", "gittins", "boost", "slo"])
def test_every_policy_has_its_order_through_fronts(policy: str) -> None:
    assert through(2, policy, 500) == in_process(policy, 500)


def test_a_scheduler_that_starts_again_has_the_order_of_before() -> None:
    clock = [0.0]
    links = fronts(3, [spec("w", slots=4)])
    core = core_of(links, lambda: clock[0])
    for number, (job, _, _) in enumerate(traffic(400)):
        clock[0] = job.arrival
        links[number % 3].scheduler.submit(replace(job, model="m"))
        settle(core, links)
        if number % 20 == 0:
            running = sorted(set.union(*(held_by(link)[1] for link in links)))
            owner = next(link for link in links if running[0] in held_by(link)[1])
            owner.scheduler.release(running[0], 50, service_s=1.0)
            settle(core, links)
    before = order_of(core, links)
    assert len(before) > 300
    for link in links:
        link.scheduler.memory = core.memory_now(1)
        link.lose()
    core = core_of(links, lambda: clock[0], core.epoch + 1)
    assert order_of(core, links) == before
    assert core.scheduler.turn_seconds < 10.0, "the clock that counts turns goes on"


def order_of(core: Core, links: list[Link]) -> list[str]:
    """The waiting jobs of all fronts in the order of their starts."""
    names: dict[str, str] = {}
    for link in links:
        assert link.session is not None
        numbers = {held.number: held.job.id for held in link.scheduler._held.values()}
        names |= {job.id: numbers[number] for number, job in link.session.jobs.items()}
    return [names[job.id] for job, _ in start_order(*core.scheduler.waiting_jobs.snapshot())]
