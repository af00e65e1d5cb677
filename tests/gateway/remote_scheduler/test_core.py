"""What several fronts say of workers and settings, and how a scheduler begins."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gateway.config.workers import MOST_SLOTS
from gateway.remote_scheduler.core import MOST_EPOCH, Core, Refusal
from gateway.remote_scheduler.front_messages import Hello
from gateway.remote_scheduler.policies import policy_of, policy_state
from gateway.remote_scheduler.states import VERSION
from scheduler.actions import Dispatch, Reject
from scheduler.kv_report import KvReport
from scheduler.policy import POLICIES, fcfs
from scheduler.queue_bounds import QueueBounds
from tests.gateway.remote_scheduler.links import Link, core_of, fronts, held_by, settle
from tests.scheduler.builders import job, spec


class Clock:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def two(*, slots: int = 1) -> tuple[Core, Link, Link]:
    """A core with two fronts and a worker."""
    first, second = links = fronts(2, [spec("w", slots=slots)])
    return core_of(links, Clock()), first, second


def test_a_worker_is_healthy_while_every_front_says_so() -> None:
    core, first, second = two()
    for one, healthy in ((second, False), (second, True), (first, False)):
        one.scheduler.set_health("w", healthy)
        settle(core, [first, second])
        assert core.scheduler.workers["w"].healthy == healthy
    assert first.session is not None
    core.leave(first.session)
    assert core.scheduler.workers["w"].healthy, "the front that said no has gone"


def test_a_worker_is_as_the_first_front_says_and_drained_where_any_does() -> None:
    core, first, second = two()
    second.scheduler.set_worker(spec("w", slots=9))
    settle(core, [first, second])
    assert core.scheduler.workers["w"].spec.slots == 1
    second.scheduler.set_worker(replace(spec("w"), draining=True))
    settle(core, [first, second])
    assert core.scheduler.workers["w"].spec.draining
    assert first.session is not None
    core.leave(first.session)
    second.scheduler.set_worker(spec("w", slots=9))
    settle(core, [second])
    assert core.scheduler.workers["w"].spec.slots == 9


def test_a_worker_may_be_as_large_as_the_configuration_allows() -> None:
    large = spec("w", slots=MOST_SLOTS, kv_tokens=20_000_000, kv_block=MOST_SLOTS)
    (link,) = links = fronts(1, [large])
    core = core_of(links, Clock())
    assert core.scheduler.workers["w"].spec == large
    link.scheduler.submit(job("1", prompt=1_000_000))
    settle(core, links)
    assert held_by(link) == (set(), {"1"})


def test_a_worker_goes_when_no_front_has_it_any_more() -> None:
    core, first, second = two()
    first.scheduler.remove_worker("w")
    settle(core, [first, second])
    assert "w" in core.scheduler.workers
    assert "w" not in first.scheduler.workers
    second.scheduler.remove_worker("w")
    settle(core, [first, second])
    assert not core.scheduler.workers


def test_a_job_that_runs_at_a_worker_which_leaves_stays_counted_after_a_restart() -> None:
    core, first, second = two()
    first.scheduler.submit(job("1"))
    settle(core, [first, second])
    for link in (first, second):
        link.scheduler.remove_worker("w")
        link.lose()
    core = core_of([first, second], Clock(), epoch=2)
    assert len(core.scheduler.workers["w"]) == 1
    assert core.scheduler.workers["w"].spec.draining
    first.scheduler.release("1", 10)
    settle(core, [first, second])
    assert not core.scheduler.workers
    assert not first.scheduler.workers


def test_the_front_that_has_been_there_for_longest_reports_the_kv_use() -> None:
    first, second = links = fronts(2, [spec("w", slots=9, kv_tokens=1000)])
    core = core_of(links, Clock())
    first.scheduler.submit(job("1", prompt=500))
    settle(core, links)
    before = core.scheduler.workers["w"].kv_used
    second.scheduler.observe_kv("w", KvReport(100.0, settled=True))
    settle(core, links)
    assert core.scheduler.workers["w"].kv_used == before
    first.scheduler.observe_kv("w", KvReport(100.0, settled=True))
    settle(core, links)
    assert core.scheduler.workers["w"].kv_used < before


def test_the_newest_settings_hold_whoever_has_them() -> None:
    core, first, second = two()
    second.configure(fcfs, QueueBounds(max_waiting=1))
    first.configure(POLICIES["gittins"](0.2), QueueBounds(max_waiting=2))
    first.up(core)
    second.up(core)  # said before, heard later
    assert core.scheduler.policy == POLICIES["gittins"](0.2)
    for number in range(4):
        second.scheduler.submit(job(str(number)))
    settle(core, [first, second])
    assert [type(one) for one in second.actions] == [Dispatch, Reject]
    assert len(held_by(second)[0]) == 2


def test_an_operator_pauses_all_fronts_also_after_a_restart() -> None:
    core, first, second = two()
    first.scheduler.pause()
    settle(core, [first, second])
    for link in (first, second):
        link.lose()
    core = core_of([first, second], Clock(), epoch=2)
    second.scheduler.submit(job("1"))
    settle(core, [first, second])
    assert core.scheduler.paused
    assert held_by(second) == ({"1"}, set())
    second.scheduler.pause(False)
    settle(core, [first, second])
    assert held_by(second) == (set(), {"1"})


def test_nothing_is_dispatched_before_all_fronts_have_told_their_jobs() -> None:
    core, first, second = two()
    first.scheduler.submit(job("runs"))
    settle(core, [first, second])
    for link in (first, second):
        link.lose()
    second.scheduler.submit(job("new", arrival=1.0))
    core = Core(2, Clock(), expected=2)
    second.connect(core)
    settle(core, [second])
    second.scheduler.submit(job("newer", arrival=2.0))
    second.scheduler.submit(job("gone", arrival=3.0))
    second.scheduler.release("gone")
    settle(core, [second])
    assert held_by(second) == ({"new", "newer"}, set())
    first.connect(core)
    settle(core, [first, second])
    assert held_by(second) == ({"new", "newer"}, set()), "the worker's slot is taken"
    first.scheduler.release("runs")
    settle(core, [first, second])
    assert held_by(second) == ({"newer"}, {"new"})


def test_a_front_that_does_not_come_is_not_waited_for_beyond_the_grace() -> None:
    (link,) = fronts(1, [spec("w")])
    core = Core(1, Clock(), expected=2)
    link.connect(core)
    link.scheduler.submit(job("1"))
    settle(core, [link])
    assert held_by(link) == ({"1"}, set())
    core.end_hold(grace_over=True)
    settle(core, [link])
    assert held_by(link) == (set(), {"1"})


def test_a_dispatch_that_was_under_way_is_not_served_beside_the_next_scheduler() -> None:
    core, first, second = two()
    first.scheduler.submit(job("1"))
    first.up(core)
    first.post()  # a dispatch is on its way, and its scheduler dies
    first.lose()
    second.lose()
    core = core_of([first, second], Clock(), epoch=2)
    assert first.starts == {"1": 1}
    first.scheduler.release("1")
    settle(core, [first, second])
    assert len(core.scheduler.workers["w"]) == 0


def test_a_dispatch_of_a_job_that_has_gone_gives_its_slot_back() -> None:
    core, first, second = two()
    first.scheduler.submit(job("1"))
    first.up(core)
    first.scheduler.release("1")
    second.scheduler.submit(job("2"))
    settle(core, [first, second])
    assert (first.starts, second.starts) == ({}, {"2": 1})


def test_times_of_another_machine_are_taken_on_this_clock() -> None:
    clock = Clock()
    core = Core(1, clock)
    session = core.join(Hello(VERSION, "far", "", clock.now - 40.0, 0))
    assert session.later_s == 40.0


def test_a_scheduler_older_than_one_that_a_front_has_followed_is_refused() -> None:
    core, first, second = two()
    for link in (first, second):
        assert link.session is not None
        core.leave(link.session)
    with pytest.raises(Refusal, match="started later"):  # it has begun, so it may be an old one
        core.join(Hello(VERSION, "f", "", 0.0, 2))
    with pytest.raises(Refusal, match="started later"):
        Core(1, Clock()).join(Hello(VERSION, "f", "", 0.0, MOST_EPOCH))
    assert core.epoch == 1


def test_a_front_without_a_time_is_refused_and_leaves_no_trace() -> None:
    core = Core(1, Clock())
    core.end_hold(grace_over=True)  # nobody has come
    with pytest.raises(Refusal, match="which is none"):
        core.join(Hello(VERSION, "f", "", math.nan, 5))
    assert core.epoch == 1
    core.join(Hello(VERSION, "g", "", 0.0, 7))  # as before, this one may take over
    assert core.epoch == 8


def test_without_a_number_of_fronts_older_ones_are_awaited_after_a_fresh_one_has_come() -> None:
    fresh, older = links = [*fronts(1, [spec("w")]), Link("older", epoch=1000)]
    core = Core(5, Clock(), expected=0)
    fresh.connect(core)
    fresh.scheduler.submit(job("1"))
    settle(core, links)
    assert held_by(fresh) == ({"1"}, set()), "nothing starts before the grace is over"
    older.connect(core)
    assert core.epoch == 1001
    core.end_hold(grace_over=True)
    settle(core, links)
    assert held_by(fresh) == (set(), {"1"})


def test_a_scheduler_whose_clock_is_behind_takes_over_from_the_one_before() -> None:
    links = fronts(2, [spec("w")])
    core = core_of(links, Clock(), epoch=1000)
    links[0].scheduler.submit(job("runs"))
    links[1].scheduler.submit(job("waits", arrival=1.0))
    settle(core, links)
    for link in links:
        link.lose()
    new = Link("new")
    new.scheduler.set_worker(spec("w"))
    core = core_of([new, *links], Clock(), epoch=5)
    assert core.epoch == 1001
    assert [link.epoch for link in (new, *links)] == [1001] * 3, "the one that came first, too"
    assert held_by(links[0]) == (set(), {"runs"})
    assert held_by(links[1]) == ({"waits"}, set())
    links[0].scheduler.release("runs", 10)
    settle(core, links)
    assert held_by(links[1]) == (set(), {"waits"})


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_survives_a_message(name: str) -> None:
    policy = POLICIES[name](0.07, 3.0)
    assert policy_of(policy_state(policy)) == policy
