"""Which jobs fit a worker: slots, sums, exits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.length import LengthDistribution
from scheduler.worker import Worker
from tests.scheduler.builders import distributions, job, spec


def test_a_worker_takes_its_slots_and_the_engine_queue() -> None:
    w = Worker(spec(slots=3, engine_queue=2))
    for n in range(5):
        assert w.fits(job(f"j{n}"))
        w.add(job(f"j{n}"))
    assert not w.fits(job("one more"))


def test_every_sequence_takes_a_slot() -> None:
    w = Worker(spec(slots=4))
    w.add(job("a", sequences=3))
    assert w.fits(job("b"))
    assert not w.fits(job("c", sequences=2))


def test_without_a_known_capacity_only_slots_count() -> None:
    w = Worker(spec(slots=2, kv_tokens=None))
    w.add(job("a", prompt=10**9))
    assert w.fits(job("b", prompt=10**9))


def test_an_idle_worker_takes_any_job() -> None:
    w = Worker(spec(slots=1, kv_tokens=100))
    assert w.fits(job("a", prompt=5000, sequences=50))


def test_an_answer_longer_than_its_forecast_leaves_less_room() -> None:
    w = Worker(spec(slots=10, kv_tokens=1000))
    w.add(job("a", prompt=0, tokens=100))
    next_one = job("b", prompt=500, tokens=2)
    assert w.fits(next_one)
    w.progress("a", 900)
    assert not w.fits(next_one)


def test_the_load_is_that_of_the_scarcer_resource() -> None:
    w = Worker(spec(slots=4, kv_tokens=1000, kv_block=1))
    assert w.load == 0
    w.add(job("a", prompt=50, tokens=16))
    assert w.load == 1 / 4
    w.add(job("b", prompt=850, tokens=16))
    assert w.load == 900 / 1000


def test_a_removed_job_leaves_no_trace_in_the_sums() -> None:
    w = Worker(spec(slots=4, kv_tokens=1000))
    w.add(job("a", sequences=3))
    w.progress("a", 17)
    assert w.remove("a").id == "a"
    assert (len(w), w.sequences, w.work, w.kv_peak, w.load) == (0, 0, 0, 0, 0)


def test_a_worker_cannot_remove_an_unknown_job() -> None:
    with pytest.raises(KeyError):
        Worker(spec()).remove("a")


def test_a_worker_iterates_over_its_jobs() -> None:
    w = Worker(spec(slots=2))
    w.add(job("a"))
    w.add(job("b"))
    assert {running.id for running in w} == {"a", "b"}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "progress", "remove"]), st.integers(0, 5), st.integers(0, 30_000)
    ),
    max_size=30,
)


@given(steps=STEPS, lengths=st.lists(distributions(), min_size=1, max_size=3))
def test_the_running_sums_equal_the_sums_over_the_jobs_after_any_history(
    steps: list[tuple[str, int, int]], lengths: list[LengthDistribution]
) -> None:
    w = Worker(spec(slots=8, kv_tokens=10_000))
    for n, (what, which, tokens) in enumerate(steps):
        present = sorted(running.id for running in w)
        if what == "add" or not present:
            length = lengths[n % len(lengths)]
            w.add(job(f"j{n}", prompt=tokens, tokens=length, sequences=1 + which))
        elif what == "progress":
            w.progress(present[which % len(present)], tokens)
        else:
            w.remove(present[which % len(present)])
        w.check()
        assert w.sequences == sum(running.sequences for running in w)
        assert w.work >= 0


def test_a_sequence_that_has_ended_frees_its_slot_and_its_memory() -> None:
    w = Worker(spec(slots=4, engine_queue=0, kv_tokens=10_000, kv_block=1))
    w.add(job("a", prompt=100, sequences=4, tokens=2000))
    assert not w.fits(job("b"))
    assert w.progress("a", 1000, running=4)
    full = w.kv_used
    assert w.progress("a", 1001, running=1)
    assert w.sequences == 1
    assert w.kv_used == pytest.approx(full - 3000, abs=5)
    assert w.fits(job("b", sequences=3))


def test_sequences_are_expected_to_end_where_nothing_is_known_of_them() -> None:
    w = Worker(spec(slots=8, engine_queue=0, kv_tokens=100_000, kv_block=1))
    w.add(job("a", prompt=100, sequences=8, tokens=LengthDistribution((100, 1000), (0.5, 0.5))))
    w.progress("a", 200)
    # Of eight with even odds, at least one of which runs, 4.02 run on average.
    assert w.kv_used == pytest.approx(100 + 4.02 * 200, rel=0.01)
    assert w.sequences == 8, "a slot is free when a sequence is known to have ended"


def test_no_answer_attains_more_than_it_may() -> None:
    w = Worker(spec(slots=8, kv_tokens=64_000))
    w.add(limited := replace(job("a"), most_tokens=500))
    w.progress("a", 10_000)
    assert limited.attained == 500
    assert w.remove("a", 2**31 - 1).attained == 500
