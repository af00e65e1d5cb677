"""Which jobs fit a worker's KV cache, by their forecasts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.kv_forecast import deviations_for
from scheduler.kv_limits import KV_FREE, KV_FREE_JOBS, KV_LIMIT
from scheduler.length import LengthDistribution
from scheduler.worker import Worker
from tests.scheduler.builders import job, spec


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
    present = int((1 - KV_FREE) * 1000)
    for n in range(2):
        assert w.fits(job(f"j{n}", prompt=300, tokens=5000), caution=0.0)
        w.add(job(f"j{n}", prompt=300, tokens=5000))
    w.progress("j0", 100)
    assert w.fits(job("all", prompt=present - 700), caution=0.0)
    assert not w.fits(job("more", prompt=present - 699), caution=0.0)
    w.add(job("third"))
    assert not w.fits(job("no slot"), caution=0.0)


def test_the_more_jobs_a_cache_holds_the_less_of_it_stays_free() -> None:
    w = Worker(spec(slots=999, kv_tokens=1_000_000, kv_block=1))
    shares = {}
    for n in range(4 * KV_FREE_JOBS):
        w.add(job(f"j{n}", prompt=1, tokens=10))
        shares[n + 1] = w.kv_present
    assert shares[1] == shares[KV_FREE_JOBS] == pytest.approx(1 - KV_FREE)
    assert shares[4 * KV_FREE_JOBS] == pytest.approx(1 - KV_FREE / 2)
    room = int(w.kv_present * 1_000_000 - w.kv_used)
    assert w.fits(job("all", prompt=room, tokens=10), caution=0.0)
    assert not w.fits(job("more", prompt=room + 1, tokens=10), caution=0.0)


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
