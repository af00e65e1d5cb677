"""What a worker has room for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.length import LengthDistribution
from scheduler.worker import KV_SHARE
from tests.scheduler.builders import distributions, job, worker


def test_a_worker_takes_its_slots_and_a_few_for_the_engines_queue() -> None:
    w = worker(slots=3, engine_queue=2)
    for n in range(5):
        assert w.fits(job(f"j{n}"))
        w.add(job(f"j{n}"))
    assert not w.fits(job("one more"))


def test_every_sequence_takes_a_slot() -> None:
    w = worker(slots=4)
    w.add(job("a", sequences=3))
    assert w.fits(job("b"))
    assert not w.fits(job("c", sequences=2))


def test_kv_memory_is_committed_by_expectation_up_to_its_share() -> None:
    w = worker(slots=100, kv_tokens=1000)
    w.add(job("a", prompt=400, tokens=100))
    left = int(KV_SHARE * 1000) - 450
    assert w.fits(job("b", prompt=left - 50, tokens=100))
    assert not w.fits(job("c", prompt=left - 49, tokens=100))


def test_without_a_known_capacity_only_slots_count() -> None:
    w = worker(slots=2, kv_tokens=None)
    w.add(job("a", prompt=10**9))
    assert w.fits(job("b", prompt=10**9))


def test_an_idle_worker_takes_what_would_fit_nowhere() -> None:
    w = worker(slots=1, kv_tokens=100)
    assert w.fits(job("a", prompt=5000, sequences=50))


def test_an_answer_that_grows_beyond_its_forecast_leaves_less_room() -> None:
    w = worker(slots=10, kv_tokens=1000)
    w.add(job("a", prompt=0, tokens=100))
    next_one = job("b", prompt=500, tokens=2)
    assert w.fits(next_one)
    w.progress("a", 900)
    assert not w.fits(next_one)


def test_the_load_is_that_of_the_scarcer_resource() -> None:
    w = worker(slots=4, kv_tokens=1000)
    assert w.load == 0
    w.add(job("a", prompt=50, tokens=100))
    assert w.load == 1 / 4
    w.add(job("b", prompt=850, tokens=100))
    assert w.load == 1000 / 1000


def test_a_job_that_ends_gives_back_what_it_took() -> None:
    w = worker(slots=4, kv_tokens=1000)
    w.add(job("a", sequences=3))
    w.progress("a", 17)
    assert w.remove("a").id == "a"
    assert (len(w), w.sequences, w.kv_committed, w.load) == (0, 0, 0, 0)


def test_a_job_that_is_not_there_cannot_end_there() -> None:
    with pytest.raises(KeyError):
        worker().remove("a")


def test_a_worker_names_its_jobs() -> None:
    w = worker(slots=2)
    w.add(job("a"))
    w.add(job("b"))
    assert {running.id for running in w} == {"a", "b"}
    assert "a" in w
    assert "c" not in w


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "progress", "remove"]), st.integers(0, 5), st.integers(0, 30_000)
    ),
    max_size=30,
)


@given(steps=STEPS, lengths=st.lists(distributions(), min_size=1, max_size=3))
def test_the_totals_are_the_sums_over_the_jobs_after_any_history(
    steps: list[tuple[str, int, int]], lengths: list[LengthDistribution]
) -> None:
    w = worker(slots=8, kv_tokens=10_000)
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
        assert w.kv_committed == pytest.approx(sum(running.kv_tokens for running in w))
