"""Statistics of recent traffic."""

from __future__ import annotations

from itertools import pairwise

import pytest

from scheduler.traffic import (
    FULL_CAUTION_SHARE,
    INITIAL_TURN_SECONDS,
    MOST_NAMES,
    WINDOW_REQUESTS,
    QueueingShare,
    RecentMeans,
    TurnClock,
    UsualLengths,
)
from scheduler.worker import Worker
from tests.scheduler.builders import job, spec


def test_a_mean_is_of_recent_requests_by_name() -> None:
    means = RecentMeans()
    assert means.observe("a", 100.0) == pytest.approx(100)
    assert means.observe("a", 300.0) == pytest.approx(200)
    assert means.observe("b", 10.0) == pytest.approx(10)
    for _ in range(5 * WINDOW_REQUESTS):
        means.observe("a", 1000.0)
    assert means.observe("a", 1000.0) == pytest.approx(1000, rel=0.02)
    for _ in range(5 * WINDOW_REQUESTS):
        means.observe("a", 50.0)
    assert means.observe("a", 50.0) == pytest.approx(50, rel=0.2)
    means.forget("b")
    assert means.get("a", 7.0) == pytest.approx(50, rel=0.2)
    assert means.get("b", 7.0) == 7.0


def test_names_heard_of_long_ago_are_forgotten() -> None:
    means, share = RecentMeans(), QueueingShare()
    for n in range(2 * MOST_NAMES):
        for name in ("kept", f"made up {n}"):
            means.observe(name, 3.0)
            share.observe(name, queued=True)
    assert means.get("kept", 0.0) == pytest.approx(3.0)
    assert share.caution("kept") == 1.0
    assert [means.get(f"made up {n}", 0.0) for n in (0, 2 * MOST_NAMES - 1)] == [0.0, 3.0]
    assert share.caution("made up 0") == 0.0 < share.caution(f"made up {2 * MOST_NAMES - 1}")


def two_models(usual: UsualLengths, worker: Worker, requests: int) -> list[float]:
    """The usual lengths of so many requests for model b: one of 3,000 tokens after three of 100."""
    lengths = []
    for n in range(requests):
        for m in range(3):
            usual.observe(job(f"a{n}-{m}", model="a", tokens=100), [worker])
        lengths.append(usual.observe(job(f"b{n}", model="b", tokens=3000), [worker]))
    return lengths


def test_models_share_the_usual_length_where_slots_are_scarcer_than_memory() -> None:
    worker = Worker(spec(models="ab", slots=4, kv_tokens=4000))
    worker.add(job("running", prompt=10))
    assert two_models(UsualLengths(), worker, 50)[-1] == pytest.approx((3 * 100 + 3000) / 4)


def test_each_model_has_its_usual_length_where_memory_is_scarcer_than_slots() -> None:
    worker = Worker(spec(models="ab", slots=4, kv_tokens=4000))
    worker.add(job("running", prompt=3000))
    assert two_models(UsualLengths(), worker, 50)[-1] == pytest.approx(3000)


def test_an_idle_worker_and_no_worker_leave_each_model_its_usual_length() -> None:
    usual = UsualLengths()
    assert two_models(usual, Worker(spec(models="ab")), 10)[-1] == pytest.approx(3000)
    assert usual.observe(job("last", model="b", tokens=3000), []) == pytest.approx(3000)


def test_the_usual_length_follows_a_change_of_what_is_scarce_without_a_jump() -> None:
    usual = UsualLengths()
    worker = Worker(spec(models="ab", slots=4, kv_tokens=4000))
    worker.add(job("small", prompt=10))
    before = two_models(usual, worker, WINDOW_REQUESTS)[-1]
    worker.add(job("large", prompt=3000))
    after = [before, *two_models(usual, worker, 2 * WINDOW_REQUESTS)]
    assert all(0 < b / a < 1.02 for a, b in pairwise(after))
    assert after[-1] == pytest.approx(3000, rel=0.05)


def test_a_usual_length_at_several_workers_lies_between_theirs() -> None:
    usual, v, w = UsualLengths(), Worker(spec("v")), Worker(spec("w"))
    for worker, tokens in ((v, 100), (w, 10_000)):
        worker.add(job("running"))
        usual.observe(job("own", tokens=tokens), [worker])
    assert usual.observe(job("both", tokens=1000), [v, w]) == pytest.approx((550 * 5500) ** 0.5)
    usual.forget("v")
    usual.forget("w")
    assert usual.observe(job("new", model="n", tokens=70), [v, w]) == pytest.approx(70)


def test_turns_count_in_service_times() -> None:
    fast, slow = TurnClock(), TurnClock()
    for _ in range(5 * WINDOW_REQUESTS):
        fast.observe(2.0)
        slow.observe(20.0)
    for clock in (fast, slow):
        clock.turns(100.0)
    assert fast.turns(140.0) == pytest.approx(20.0, rel=0.01)
    assert slow.turns(140.0) == pytest.approx(2.0, rel=0.01)
    assert slow.turns(130.0) == slow.turns(140.0), "the clock never goes back"


def test_the_length_of_a_turn_follows_recent_service_times() -> None:
    clock = TurnClock()
    clock.observe(INITIAL_TURN_SECONDS * 2**21)
    assert clock.turn_seconds == pytest.approx(2 * INITIAL_TURN_SECONDS), "20 of 21 are the initial"
    for seconds in (20.0, 2.0):
        for _ in range(5 * WINDOW_REQUESTS):
            clock.observe(seconds)
        assert clock.turn_seconds == pytest.approx(seconds, rel=0.1)


def test_a_few_long_answers_do_not_set_the_length_of_a_turn() -> None:
    clock = TurnClock()
    for n in range(5 * WINDOW_REQUESTS):
        clock.observe(200.0 if n % 10 == 0 else 2.0)
    assert clock.turn_seconds == pytest.approx(2.0 * 100**0.1, rel=0.1), "the mean is 22"


def test_service_times_of_zero_leave_a_turn_positive() -> None:
    clock = TurnClock()
    for _ in range(50 * WINDOW_REQUESTS):
        clock.observe(0.0)
    assert clock.turn_seconds == pytest.approx(1e-3, rel=0.01)


def test_with_full_caution_0_caution_is_always_full() -> None:
    assert QueueingShare(full_caution=0.0).caution("a") == 1.0


def test_caution_grows_with_the_share_of_arrivals_that_meet_a_queue() -> None:
    share = QueueingShare()
    assert share.caution("a") == 0.0
    seen = []
    for n in range(3000):
        share.observe("a", queued=n % 50 == 0)
        seen.append(share.caution("a"))
    assert seen[-1] == pytest.approx(0.02 / FULL_CAUTION_SHARE, rel=0.3)
    assert max(seen[2000:]) < 2 * min(seen[2000:]), "the share spans some hundred arrivals"
    for _ in range(5):
        share.observe("a", queued=True)
    assert share.caution("a") == 1.0
    assert share.caution("b") == 0.0
    for _ in range(1000):
        share.observe("a", queued=False)
    assert share.caution("a") < 0.001
