"""What the reports of an engine, and the answers from it, tell a worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.job import LONGEST
from scheduler.kv_limits import KV_LIMIT
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from scheduler.worker import Worker
from tests.scheduler.builders import job, spec


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


def test_a_worker_found_to_have_no_prefix_cache_counts_the_prompt_of_each_answer() -> None:
    w = Worker(spec(slots=100, kv_tokens=10_000, kv_block=1))
    w.add(job("a", prompt=1000, sequences=4, tokens=10))
    shared = w.kv_peak
    w.replace_spec(replace(w.spec, prefix_caching=False))
    assert w.kv_peak == shared + 3000


def test_an_absurd_report_is_judged_as_the_longest_answer_is() -> None:
    checks = []
    for reported in (10**5, 2**31 - 1):
        w = Worker(spec(slots=8, kv_tokens=64_000))
        w.add(replace(job("a"), streams=False))
        assert w.remove("a", reported).attained == min(reported, LONGEST)
        checks.append(w.kv_check)
    assert checks[0] == checks[1], "only so many of an answer's tokens are looked at"
