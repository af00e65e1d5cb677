"""Metrics of forecasts whose quality is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from predictor.evaluation import metrics, scores
from predictor.evaluation.forecasts import Forecasts
from predictor.raw_forecast import LEVELS, MASS

SIGMA = 0.5


def calibrated(prompts: int, samples: int, *, seed: int = 0) -> Forecasts:
    """Log-normal lengths, and forecasts that know their distribution."""
    rng = np.random.default_rng(seed)
    median = 100 * np.exp(rng.standard_normal(prompts))
    quantiles = np.quantile(rng.standard_normal(400_000), LEVELS)
    tokens = median[:, None] * np.exp(SIGMA * rng.standard_normal((prompts, samples)))
    return Forecasts(
        model="m",
        route="known",
        atoms=median[:, None] * np.exp(SIGMA * quantiles),
        mass=np.broadcast_to(MASS, (prompts, len(MASS))),
        corpus=np.full(prompts, "c"),
        chars=np.ones(prompts, dtype=np.intp),
        prompt=np.repeat(np.arange(prompts), samples),
        tokens=tokens.ravel(),
        censored=np.zeros(prompts * samples, dtype=np.bool_),
    )


def measured(made: Forecasts) -> dict[str, float]:
    return metrics.model_metrics(made, np.random.default_rng(1))


def censored_at(made: Forecasts, limit: float) -> Forecasts:
    """The same with answers cut at ``limit`` tokens."""
    return replace(made, tokens=np.minimum(made.tokens, limit), censored=made.tokens > limit)


def test_the_true_distribution_reaches_skill_1_nominal_coverage_and_the_tau_ceiling() -> None:
    found = measured(calibrated(2000, 10))
    assert found["crps_skill"] == pytest.approx(1, abs=0.02)
    assert found["coverage"] == pytest.approx(0.80, abs=0.01)
    assert found["coverage95"] == pytest.approx(0.95, abs=0.01)
    assert found["tau"] == pytest.approx(found["ceiling"], abs=0.03)
    assert found["recall_longest"] > 0.6


def test_too_narrow_forecasts_lower_both_coverages() -> None:
    made = calibrated(500, 4)
    centre = made.quantile(0.5)[:, None]
    found = measured(replace(made, atoms=centre * (made.atoms / centre) ** 0.5))
    assert found["coverage"] == pytest.approx(0.478, abs=0.03)  # within 0.64 sigma
    assert found["coverage95"] == pytest.approx(0.673, abs=0.03)  # within 0.98 sigma


def test_a_censored_answer_scores_the_forecast_cut_at_the_same_length() -> None:
    made = calibrated(2, 1)
    one = replace(made, tokens=np.array([50.0, 60.0]), censored=np.array([True, False]))
    atoms, mass, actual = one.by_sample()
    assert atoms[0].max() == 50
    assert atoms[1].max() > 60
    assert scores.crps(atoms, mass, actual)[0] < scores.crps(made.atoms, mass, actual)[0]


def test_censoring_does_not_worsen_the_metrics_of_the_true_distribution() -> None:
    made = calibrated(2000, 4)
    found = measured(censored_at(made, 150.0))
    assert found["coverage95"] >= 0.945
    assert found["coverage"] >= 0.795
    naive = measured(replace(censored_at(made, 150.0), censored=np.zeros(8000, dtype=np.bool_)))
    assert naive["coverage"] < found["coverage"] - 0.1
    assert found["mae"] < naive["mae"]


def test_the_pit_of_the_true_distribution_is_uniform_with_and_without_censoring() -> None:
    for made in (calibrated(4000, 1), censored_at(calibrated(4000, 1), 150.0)):
        values = scores.pit(
            made.atoms, made.mass, made.tokens, made.censored, np.random.default_rng(2)
        )
        assert kstest(values, "uniform").pvalue > 0.01


def test_prompts_may_have_different_numbers_of_samples() -> None:
    made = calibrated(300, 6)
    keep = np.ones(len(made.tokens), dtype=np.bool_)
    keep[made.prompt < 100] = np.arange(600) % 6 < 1
    part = replace(
        made,
        prompt=made.prompt[keep],
        tokens=made.tokens[keep],
        censored=made.censored[keep],
    )
    found = measured(part)
    assert found["prompts"] == 300
    assert found["crps_skill"] == pytest.approx(1, abs=0.05)


def test_a_part_of_the_prompts_keeps_its_samples() -> None:
    made = calibrated(10, 3)
    part = made.of_prompts(np.arange(10) % 2 == 1)
    assert len(part) == 5
    assert part.tokens.reshape(5, 3).tolist() == made.tokens.reshape(10, 3)[1::2].tolist()


def test_cdf_is_the_inverse_of_quantile() -> None:
    made = calibrated(50, 1)
    for level in (0.025, 0.1, 0.5, 0.9, 0.975):
        assert scores.cdf(made.atoms, made.mass, made.quantile(level)) == pytest.approx(level)
    assert made.quantile(0.5) == pytest.approx(made.atoms[:, list(LEVELS).index(0.5)])


def test_recall_of_the_longest_compares_sets_of_equal_size() -> None:
    actual = np.arange(40.0)
    assert scores.recall_longest(actual, actual, 0.1) == 1
    assert scores.recall_longest(-actual, actual, 0.1) == 0
    half = np.where(actual >= 38, 100, 0.0)
    half[:2] = 99
    assert scores.recall_longest(half, actual, 0.1) == 0.5
    assert np.isnan(scores.recall_longest(actual[:9], actual[:9], 0.1))


def test_tau_is_the_mean_over_random_samples_of_each_prompt() -> None:
    made = calibrated(200, 3)
    tokens = np.tile(made.geometric_mean()[:, None], 3)
    tokens[:, 0] = tokens[::-1, 0]  # every prompt's first sample is in another order
    found = measured(replace(made, tokens=tokens.ravel()))
    first_only = scores.kendall_tau(made.geometric_mean(), tokens[:, 0])
    assert abs(first_only) < 0.15
    assert 0.2 < found["tau"] < 0.8
