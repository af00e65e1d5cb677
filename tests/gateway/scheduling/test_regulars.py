"""Which keys count as tenants of their own, and that made-up keys take nobody's turn."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

import pytest

from gateway.config.tenants import Tenants
from gateway.scheduling.regulars import ANSWERS, IDLE_S, MOST_COUNTED, Regulars
from gateway.scheduling.tenants import Tenancy
from scheduler.actions import Action, Dispatch
from scheduler.policy import POLICIES
from scheduler.scheduler import Scheduler
from tests.scheduler.builders import job, spec

SALT = b"of one machine"
KNOWN = ({"name": "honest", "api_key": "known"}, {"name": "other", "api_key": "steady"})


def regular(regulars: Regulars, name: str, now: float = 0.0) -> None:
    for _ in range(ANSWERS):
        regulars.answered(name, now)


def test_a_key_is_a_regulars_after_some_answers() -> None:
    regulars = Regulars(most=2)
    for _ in range(ANSWERS - 1):
        regulars.answered("a", 0.0)
    assert "a" not in regulars
    regulars.answered("a", 0.0)
    assert "a" in regulars


def test_places_are_few_and_pass_on_only_from_those_that_left() -> None:
    regulars = Regulars(most=2)
    for name in ("a", "b", "c"):
        regular(regulars, name)
    assert ("a" in regulars, "b" in regulars, "c" in regulars) == (True, True, False)
    regulars.answered("a", IDLE_S)
    regulars.answered("c", IDLE_S)
    assert ("a" in regulars, "b" in regulars, "c" in regulars) == (True, False, True)


def test_without_places_nobody_is_a_regular() -> None:
    regulars = Regulars(most=0)
    regular(regulars, "a")
    assert len(regulars) == 0


def test_fresh_keys_do_not_grow_the_memory() -> None:
    regulars = Regulars(most=2)
    for number in range(MOST_COUNTED + 10):
        regulars.answered(f"key-{number}", 0.0)
    assert len(regulars._answers) == MOST_COUNTED


def waits(key_of_the_flood: Callable[[int], str], key: str = "known") -> float:
    """The 99th percentile of an honest tenant's waits, in seconds, beside a flood of requests.

    The worker has four slots, each request runs for a second. The honest tenant asks once a second,
    half its share; the other one always has 50 requests waiting.
    """
    tenancy = Tenancy(Tenants.model_validate({"fair": True, "known": KNOWN}), SALT)
    scheduler = Scheduler(POLICIES["fcfs"](0.1, 4.0), max_waiting=10_000)
    scheduler.set_worker(spec(slots=4))
    ends: list[tuple[float, str]] = []
    arrived: dict[str, float] = {}
    keys: dict[str, str] = {}
    found: list[float] = []
    numbers, now, turn = count(), 0.0, 0

    def submit(key: str, kind: str) -> None:
        name = f"{kind}-{next(numbers)}"
        arrived[name], keys[name] = now, key
        tenant = tenancy.identify({"authorization": f"Bearer {key}"}).claim.tenant
        carry_out(scheduler.submit(job(name, arrival=now, tenant=tenant)))

    def carry_out(actions: list[Action]) -> None:
        for action in actions:
            assert isinstance(action, Dispatch)
            service = 0.8 + 0.1 * (next(numbers) % 5)
            heappush(ends, (now + service, action.job.id))
            if action.job.id.startswith("honest"):
                found.append(now - arrived[action.job.id])

    while now < 300.0:
        while scheduler.waiting < 50:
            submit(key_of_the_flood(next(numbers)), "flood")
        if now >= turn:
            turn += 1
            submit(key, "honest")
        now, name = heappop(ends)
        owner = tenancy.identify({"authorization": f"Bearer {keys[name]}"})
        tenancy.answered(owner.pseudonym, owner.claim.tenant, now)
        carry_out(scheduler.release(name, 100))
    settled = sorted(found[50:])  # the first ones are those of a newcomer
    return settled[int(0.99 * len(settled))]


@pytest.mark.parametrize("key", ["known", "not in the configuration"])
def test_fresh_keys_by_the_thousand_do_not_outrank_a_known_tenant(key: str) -> None:
    beside_one_key = waits(lambda _: "steady", key)
    beside_fresh_keys = waits(lambda number: f"fresh-{number}", key)
    # Each request takes a second, so latencies are the waits and one more second.
    assert 1 + beside_fresh_keys <= 1.5 * (1 + beside_one_key)
