"""Which jobs fit a worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.job import LONGEST
from scheduler.kv_forecast import deviations_for
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from scheduler.worker import KV_LIMIT, KV_PRESENT, Worker
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


def test_jobs_fit_while_their_common_peak_stays_within_the_cache() -> None:
    # Both end at step 64. The largest sum is at step 32, the last of ``STEPS`` before the end.
    w = Worker(spec(slots=100, kv_tokens=1000, kv_block=1))
    w.add(job("a", prompt=400, tokens=64))
    left = int(KV_LIMIT * 1000) - 400 - 2 * 32
    assert w.fits(job("b", prompt=left, tokens=64))
    assert not w.fits(job("c", prompt=left + 1, tokens=64))


def test_the_memory_of_a_job_that_ends_soon_counts_for_a_growing_job() -> None:
    w = Worker(spec(slots=100, kv_tokens=1000, kv_block=1))
    w.add(job("a", prompt=500, tokens=30))
    # The final sizes sum to 1330, but the first job has ended when the second is large.
    assert w.fits(job("b", prompt=100, tokens=700))
    assert not w.fits(job("c", prompt=100, tokens=1100))


def test_a_higher_overflow_probability_admits_more_jobs() -> None:
    length = LengthDistribution((100, 1000), (0.7, 0.3))
    admitted = []
    for overflow in (0.05, 0.5):
        cautious = replace(spec(slots=100, kv_tokens=5000), deviations=deviations_for(overflow))
        w = Worker(cautious)
        while w.fits(job("next", prompt=100, tokens=length)):
            w.add(job(f"j{len(w)}", prompt=100, tokens=length))
        admitted.append(len(w))
    assert admitted[0] < admitted[1]


def test_a_cache_of_few_jobs_is_filled_as_one_of_thirty() -> None:
    # Half of the jobs end soon. The doubt about the others is a larger part of a smaller cache.
    length = LengthDistribution((10, 1000), (0.5, 0.5))
    held = {}
    for kv_tokens in (6000, 17_000, 96_000):
        w = Worker(spec(slots=999, kv_tokens=kv_tokens))
        while w.fits(job("next", prompt=100, tokens=length)):
            w.add(job(f"j{len(w)}", prompt=100, tokens=length))
        held[kv_tokens] = len(w) / kv_tokens
    assert held[6000] == pytest.approx(held[17_000], rel=0.1)
    assert held[96_000] > 1.1 * held[17_000], "errors of many jobs cancel"


def test_without_caution_the_engine_gets_what_it_has_room_for_now() -> None:
    w = Worker(spec(slots=3, kv_tokens=1000, kv_block=1))
    present = int(KV_PRESENT * 1000)
    for n in range(2):
        assert w.fits(job(f"j{n}", prompt=300, tokens=5000), caution=0.0)
        w.add(job(f"j{n}", prompt=300, tokens=5000))
    w.progress("j0", 100)
    assert w.fits(job("all", prompt=present - 700), caution=0.0)
    assert not w.fits(job("more", prompt=present - 699), caution=0.0)
    w.add(job("third"))
    assert not w.fits(job("no slot"), caution=0.0)


def test_a_job_waits_for_no_peak_that_comes_after_its_end() -> None:
    w = Worker(spec(slots=100, kv_tokens=4000, kv_block=1))
    w.add(job("endless", prompt=100, tokens=LengthDistribution((16, 6000), (0.1, 0.9))))
    assert w.fits(job("short", prompt=100, tokens=200))
    assert not w.fits(job("long", prompt=100, tokens=4000))


def test_the_engine_preempts_the_latest_job_where_memory_is_scarce() -> None:
    w = Worker(spec(slots=10, kv_tokens=1000))
    w.add(job("long", prompt=200, tokens=5000), 9.0)
    keys = []
    for name, key in (("a", 5.0), ("b", 13.0), ("c", 7.0), ("d", 1.0)):
        keys.append(w.engine_key(key))
        w.add(job(name, prompt=150), keys[-1])
    assert keys == [9.0, 13.0, 13.0, 13.0]
    for name in ("long", *"abcd"):
        w.remove(name)
    assert w.engine_key(2.0) == 2.0, "an idle engine has nobody to preempt"


def test_the_engine_gets_the_keys_of_the_policy_where_slots_are_scarce() -> None:
    for kv_tokens in (None, 100_000):
        w = Worker(spec(slots=4, kv_tokens=kv_tokens))
        w.add(job("a"), 9.0)
        assert [w.engine_key(key) for key in (5.0, 3.0, 7.0, 1.0)] == [5.0, 3.0, 7.0, 1.0]


def test_a_count_that_the_engine_contradicts_does_not_keep_the_cache_empty() -> None:
    w = Worker(spec(slots=100, kv_tokens=1000, kv_block=1))
    w.add(job("a", prompt=850))
    another = job("b", prompt=100)
    assert not w.fits(another, caution=0.0)
    for _ in range(20):
        w.observe_kv(KvReport(200.0, settled=False))
    assert not w.fits(another, caution=0.0), "a request that waits in the engine holds nothing"
    assert [w.observe_kv(KvReport(425.0, settled=True)) for _ in range(20)][-1]
    assert w.fits(another, caution=0.0)
    for _ in range(20):
        w.observe_kv(KvReport(1000.0, settled=True))
    assert not w.fits(another, caution=0.0)


def overcounted(**settings: Any) -> Worker:
    """A worker whose reports have told that half of what is counted is in use."""
    w = Worker(spec(slots=100, kv_tokens=1000, kv_block=1, **settings))
    w.add(job("a", prompt=800, tokens=64))
    for _ in range(30):
        w.observe_kv(KvReport(400.0, settled=True))
    return w


def test_forecasts_count_in_the_tokens_of_the_engine_too() -> None:
    w = overcounted()
    assert w.kv_peak == pytest.approx(0.5 * (800 + 48), rel=0.02)
    assert w.fits(job("b", prompt=800, tokens=64), caution=1.0)
    w.add(job("b", prompt=800, tokens=64))
    assert not w.overfull
    assert not w.fits(job("c", prompt=800, tokens=64), caution=1.0)


def test_what_reports_have_told_is_forgotten_where_it_no_longer_holds() -> None:
    nearly_idle, returned, crowded = overcounted(), overcounted(), overcounted()
    nearly_idle.remove("a")
    nearly_idle.add(job("small", prompt=10))
    for _ in range(30):
        nearly_idle.observe_kv(KvReport(5.0, settled=True))
    returned.set_health(False)
    returned.set_health(True)
    for _ in range(30):
        crowded.observe_kv(KvReport(1000.0, settled=False))
    for w in (nearly_idle, returned, crowded):
        for running in list(w):
            w.remove(running.id)
        w.add(job("a", prompt=800))
        assert not w.fits(job("b", prompt=200), caution=0.0)


def test_a_crowded_engine_does_not_keep_what_it_told_while_it_shared_less() -> None:
    w = Worker(spec(slots=100, kv_tokens=1000, kv_block=1))
    w.add(job("a", prompt=400))
    for used in (600.0, 400.0):
        for _ in range(30):
            w.observe_kv(KvReport(used, settled=False))
    assert w.fits(job("b", prompt=500), caution=0.0)


def test_a_prefix_stays_shared_while_a_single_job_runs() -> None:
    w = Worker(spec(slots=100, kv_tokens=2000, kv_block=1))
    for name in "ab":
        w.add(job(name, prompt=600))
    for _ in range(30):
        w.observe_kv(KvReport(650.0, prefix_hits=0.95))
    w.remove("b")
    for _ in range(30):
        w.observe_kv(KvReport(600.0, prefix_hits=0.95))
    assert w.fits(job("c", prompt=600), caution=0.0)
    assert w.kv_peak < 500


def test_less_caution_raises_the_limit_and_lowers_the_margin() -> None:
    w = Worker(spec(slots=100, kv_tokens=3000, kv_block=1))
    w.add(job("a", prompt=400, tokens=64))
    left = int(KV_LIMIT / 0.5 * 3000) - 4096
    assert w.fits(job("b", prompt=left, tokens=5000), caution=0.5)
    assert not w.fits(job("b", prompt=left, tokens=5000), caution=1.0)
    assert not w.fits(job("c", prompt=left + 1, tokens=5000), caution=0.5)
    uncertain = LengthDistribution((1, 2000), (0.5, 0.5))
    w = Worker(spec(slots=100, kv_tokens=1000, kv_block=1))
    w.add(job("a", prompt=371, tokens=10))
    for n in range(29):  # with so many jobs nothing is taken off the margin
        w.add(job(f"tiny{n}", prompt=1, tokens=1))
    assert w.fits(job("b", prompt=500, tokens=uncertain), caution=0.5)  # not with the whole margin
    assert not w.fits(job("b", prompt=300, tokens=uncertain), caution=1.0)


def answers(w: Worker, *, forecast: float, tokens: int, count: int) -> None:
    """Jobs of a known forecast that end after so many tokens, ten at a time."""
    for first in range(0, count, 10):
        names = [f"j{first + n}" for n in range(10)]
        for name in names:
            w.add(job(name, prompt=50, tokens=forecast))
        for attained in range(16, tokens + 1, 16):
            for name in names:
                w.progress(name, attained)
        for name in names:
            w.remove(name, tokens)


def test_trust_in_the_kv_forecasts_is_kept_by_right_ones_and_lost_by_wrong_ones() -> None:
    w = Worker(spec(slots=100, kv_tokens=1000))
    answers(w, forecast=400, tokens=400, count=400)
    assert w.trust == 1
    for _ in range(20):
        answers(w, forecast=400, tokens=160, count=20)
        answers(w, forecast=100, tokens=800, count=20)
    assert w.trust == 0


def test_estimated_progress_proves_nothing_and_the_count_at_the_end_does() -> None:
    w = Worker(spec(slots=100, kv_tokens=1000))
    for known in (False, True):
        for n in range(400):
            forecast = (30, 900)[n // 20 % 2]
            w.add(replace(job(f"{known}{n}", prompt=50, tokens=forecast), streams=False))
            w.progress(f"{known}{n}", 320)
            w.remove(f"{known}{n}", 500 if known else None)
        assert (w.trust == 0) == known


def test_forecasts_that_are_too_long_do_not_keep_the_cache_empty() -> None:
    right, biased = (Worker(spec(slots=100, kv_tokens=1000, kv_block=1)) for _ in range(2))
    answers(right, forecast=192, tokens=192, count=400)
    answers(biased, forecast=500, tokens=192, count=400)
    unaware = Worker(spec(slots=100, kv_tokens=1000, kv_block=1))
    admitted = []
    for w, forecast in ((right, 192), (biased, 500), (unaware, 500)):
        while w.fits(job("next", prompt=50, tokens=forecast)):
            w.add(job(f"n{len(w)}", prompt=50, tokens=forecast))
        admitted.append(len(w))
    assert admitted == [5, 4, 2]


def test_a_shared_prefix_counts_once() -> None:
    w = Worker(spec(slots=100, kv_tokens=2000, kv_block=1))
    for n in range(3):
        w.add(job(f"j{n}", prompt=600, tokens=20))
    another = job("another", prompt=600, tokens=20)
    assert not w.fits(another)
    for _ in range(30):
        w.observe_kv(KvReport(600.0, prefix_hits=0.9))
    assert w.fits(another)
    assert w.kv_peak == pytest.approx(600 + 3 * 16, rel=0.01)


def test_the_shared_part_of_prompts_is_at_most_the_prefix_hits() -> None:
    w = Worker(spec(slots=100, kv_tokens=2000, kv_block=1))
    w.add(job("a", prompt=1000, tokens=20))
    for _ in range(30):
        w.observe_kv(KvReport(0.0, prefix_hits=0.25))
    assert w.kv_peak == pytest.approx(750 + 16, rel=0.01)


def test_prompts_count_in_full_again_once_the_engine_reports_no_prefix_hits() -> None:
    w = Worker(spec(slots=100, kv_tokens=2000, kv_block=1))
    for n in range(3):
        w.add(job(f"j{n}", prompt=600, tokens=20))
    without_sharing = w.kv_peak
    for _ in range(30):
        w.observe_kv(KvReport(600.0, prefix_hits=0.9))
    assert w.kv_peak < without_sharing / 2
    for _ in range(30):
        assert w.observe_kv(KvReport(1800.0)), "the forecast changes"
    assert w.kv_peak == pytest.approx(without_sharing, rel=0.01)


def test_a_lagging_report_does_not_count_as_sharing() -> None:
    w = Worker(spec(slots=100, kv_tokens=2000, kv_block=1))
    w.add(job("a", prompt=1500, tokens=20))
    for _ in range(30):
        w.observe_kv(KvReport(0.0))
    assert not w.fits(job("b", prompt=600, tokens=20))


def test_a_new_block_size_recounts_the_jobs() -> None:
    w = Worker(spec(slots=9, kv_tokens=10_000, kv_block=16))
    w.add(job("a", tokens=100, sequences=2))
    waiting = job("b", tokens=100)
    assert w.fits(waiting)
    before = w.kv_peak
    w.replace_spec(spec(slots=9, kv_tokens=10_000, kv_block=116))
    assert w.kv_peak == before + 2 * 50, "a half-full last block for each sequence"
    # The peak is 317 tokens of a and 164 of b; with the old block size of b it would fit.
    w.replace_spec(spec(slots=9, kv_tokens=455, kv_block=116))
    assert not w.fits(waiting)


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


def test_a_worker_found_to_have_no_prefix_cache_counts_the_prompt_of_each_answer() -> None:
    w = Worker(spec(slots=100, kv_tokens=10_000, kv_block=1))
    w.add(job("a", prompt=1000, sequences=4, tokens=10))
    shared = w.kv_peak
    w.replace_spec(replace(w.spec, prefix_caching=False))
    assert w.kv_peak == shared + 3000


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


def test_an_absurd_report_is_judged_as_the_longest_answer_is() -> None:
    checks = []
    for reported in (10**5, 2**31 - 1):
        w = Worker(spec(slots=8, kv_tokens=64_000))
        w.add(replace(job("a"), streams=False))
        assert w.remove("a", reported).attained == min(reported, LONGEST)
        checks.append(w._check)
    assert checks[0] == checks[1], "only so many of an answer's tokens are looked at"


def test_no_answer_attains_more_than_it_may() -> None:
    w = Worker(spec(slots=8, kv_tokens=64_000))
    w.add(limited := replace(job("a"), most_tokens=500))
    w.progress("a", 10_000)
    assert limited.attained == 500
    assert w.remove("a", 2**31 - 1).attained == 500
