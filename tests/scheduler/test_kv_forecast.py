"""The KV memory of jobs over the coming steps, against sums by hand."""

from __future__ import annotations

import pytest

from scheduler.kv_forecast import STEPS, KvForecast, deviations_for, kv_profile
from scheduler.length import LengthDistribution
from tests.scheduler.builders import job

EITHER = LengthDistribution((50, 200), (0.25, 0.75))


def test_the_profile_of_a_known_length_grows_by_a_token_a_step_until_its_end() -> None:
    profile = kv_profile(job("a", prompt=100, tokens=64), block=1, shared=0.0)
    sizes = dict(zip(STEPS, profile.mean, strict=True))
    assert [sizes[step] for step in (0, 16, 32, 64, 96)] == [100, 116, 132, 0, 0]
    assert set(profile.variance) == {0}


def test_the_profile_of_an_uncertain_length_has_the_mean_and_variance_of_survival() -> None:
    profile = kv_profile(job("a", prompt=100, tokens=EITHER), block=1, shared=0.0)
    at_64 = STEPS.index(64)
    assert profile.mean[at_64] == pytest.approx(0.75 * 164)
    assert profile.variance[at_64] == pytest.approx(0.75 * 0.25 * 164**2)


def test_the_attained_tokens_condition_the_survival() -> None:
    running = job("a", prompt=100, tokens=EITHER)
    running.attained = 60
    profile = kv_profile(running, block=1, shared=0.0)
    assert profile.mean[STEPS.index(64)] == pytest.approx(100 + 60 + 64)
    assert profile.variance[STEPS.index(64)] == 0


def test_a_half_full_last_block_counts_for_each_sequence() -> None:
    profile = kv_profile(job("a", prompt=100, sequences=4), block=17, shared=0.0)
    assert profile.mean[0] == 100 + 4 * 8


def test_the_shared_part_of_a_prompt_does_not_count() -> None:
    profile = kv_profile(job("a", prompt=100), block=1, shared=0.75)
    assert profile.mean[0] == 25


def test_past_its_last_atom_a_job_holds_its_memory_for_one_more_token_only() -> None:
    running = job("a", prompt=100, tokens=64)
    running.attained = 64
    profile = kv_profile(running, block=1, shared=0.0)
    assert profile.mean == (164, *[0.0] * (len(STEPS) - 1))


def test_the_peak_is_the_largest_mean_plus_its_deviations() -> None:
    forecast = KvForecast()
    forecast.set("a", kv_profile(job("a", prompt=100, tokens=EITHER), block=1, shared=0.0))
    sure = 0.75 * (100 + 192)
    assert forecast.peak(0.0) == pytest.approx(sure)
    assert forecast.peak(2.0) == pytest.approx(sure + 2 * (0.75 * 0.25) ** 0.5 * (100 + 192))
    forecast.set("b", kv_profile(job("b", prompt=1000, tokens=400), block=1, shared=0.0))
    assert forecast.peak(0.0) == pytest.approx(sure + 1000 + 192)


def test_a_profile_is_admitted_up_to_the_capacity_of_the_common_peak() -> None:
    forecast = KvForecast()
    forecast.set("a", kv_profile(job("a", prompt=100, tokens=EITHER), block=1, shared=0.0))
    more = kv_profile(job("b", prompt=100, tokens=EITHER), block=1, shared=0.0)
    peak = 2 * 0.75 * 292 + 2 * (2 * 0.75 * 0.25) ** 0.5 * 292
    assert forecast.admits(more, peak + 1, 2.0)
    assert not forecast.admits(more, peak - 1, 2.0)
    assert not forecast.admits(more, 100, 0.0)


def test_a_removed_job_leaves_no_rounding_error() -> None:
    forecast = KvForecast()
    for n in range(100):
        forecast.set(str(n), kv_profile(job("a", prompt=n, tokens=EITHER), block=16, shared=0.1))
    for n in range(100):
        forecast.remove(str(n))
    assert (forecast.now, forecast.peak(1.6)) == (0.0, 0.0)


@pytest.mark.parametrize("overflow", [0.0, 0.6, -1.0])
def test_an_overflow_probability_beyond_a_half_is_refused(overflow: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        deviations_for(overflow)


def test_the_deviations_are_those_of_a_normal_variable() -> None:
    assert deviations_for(0.5) == pytest.approx(0.0)
    assert deviations_for(0.05) == pytest.approx(1.6449, abs=1e-4)


def test_each_answer_to_a_prompt_holds_the_prompt_where_no_prefix_cache_shares_it() -> None:
    batch = job("a", prompt=300, sequences=6)
    batch.prompts = 3
    shared = kv_profile(batch, block=1, shared=0.0)
    alone = kv_profile(batch, block=1, shared=0.0, prefix_caching=False)
    assert (shared.mean[0], alone.mean[0]) == (300, 600)


def test_a_batch_holds_the_prompts_of_the_sequences_that_run() -> None:
    batch = job("a", prompt=400, sequences=4, tokens=LengthDistribution((50, 900), (0.5, 0.5)))
    batch.prompts, batch.attained, batch.running = 4, 100, 2
    assert kv_profile(batch, block=1, shared=0.0).mean[0] == 200 + 2 * 100


def test_a_prompt_stays_while_any_of_its_answers_runs() -> None:
    several = job("a", prompt=400, sequences=4, tokens=LengthDistribution((50, 900), (0.5, 0.5)))
    before, after = (kv_profile(several, block=1, shared=0.0).mean[n] for n in (0, 3))
    assert before == 400
    assert after == pytest.approx(400 + 2 * 64)


def test_a_prompt_that_is_shared_in_full_holds_nothing_with_or_without_a_prefix_cache() -> None:
    for caching in (True, False):
        profile = kv_profile(job("a", sequences=3), block=1, shared=1.0, prefix_caching=caching)
        assert profile.mean[:2] == [0, 3 * 16]
