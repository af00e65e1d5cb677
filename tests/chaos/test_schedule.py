"""The plan of a chaos run is the seed's, holds every kind of fault and leaves time to recover."""

from itertools import pairwise

from tests.chaos.schedule import Fault, Planned, plan


def test_a_seed_gives_one_plan() -> None:
    assert plan(3, 3, 300) == plan(3, 3, 300)
    assert plan(3, 3, 300) != plan(4, 3, 300)


def test_five_minutes_hold_every_fault() -> None:
    for seed in range(20):
        assert {planned.fault for planned in plan(seed, 3, 260)} == set(Fault)


def test_every_worker_gets_faults_one_at_a_time_and_within_the_run() -> None:
    planned = plan(1, 3, 300)
    for worker in range(3):
        own = [fault for fault in planned if fault.worker == worker]
        assert len(own) > 5
        assert all(before.end < after.begin for before, after in pairwise(own))
    assert all(0 < fault.begin < fault.end <= 300 for fault in planned)


def test_workers_misbehave_at_the_same_time_too() -> None:
    planned = plan(1, 3, 300)

    def together(one: Planned, other: Planned) -> bool:
        return one.worker != other.worker and one.begin < other.begin < one.end

    assert any(together(one, other) for one in planned for other in planned)
