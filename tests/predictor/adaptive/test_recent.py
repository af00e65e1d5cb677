"""The recent answers of a model, and the detection of a change."""

import numpy as np
import pytest

from predictor.adaptive.recent import RecentAnswers
from predictor.adaptive.settings import AdaptiveSettings
from tests.predictor.adaptive.builders import NORMAL


def add(recent: RecentAnswers, errors: list[float]) -> None:
    for error in errors:
        recent.add(
            error=error,
            log_scale=-0.7,
            weight=1.0,
            standardised=error / 0.5,
            features=(1.0, 0.0),
            prior=NORMAL,
            known=True,
        )


def noise(count: int) -> list[float]:
    return [float(error) for error in np.random.default_rng(0).normal(0, 0.5, count)]


def test_errors_like_the_earlier_ones_are_no_change() -> None:
    recent = RecentAnswers(2, AdaptiveSettings())
    add(recent, noise(300))
    assert recent.epoch == 0


def test_a_change_starts_a_new_epoch_and_forgets_the_spread_within_prompts() -> None:
    recent = RecentAnswers(2, AdaptiveSettings())
    before = recent.within_variance
    for _ in range(50):
        recent.count_within(2.0)
    assert recent.within_variance > 1.0
    add(recent, noise(100))
    add(recent, [error + 3.0 for error in noise(24)])
    assert recent.epoch == 1
    assert recent.changed >= 90
    assert recent.within_variance == before


def test_another_predictor_keeps_the_epoch_and_the_endless_rate_only() -> None:
    recent = RecentAnswers(2, AdaptiveSettings())
    add(recent, [error + 1.0 for error in noise(100)])
    for _ in range(100):
        recent.count_endless(1.0)
    rebased = recent.rebased()
    assert rebased.endless_rate(0.0) == recent.endless_rate(0.0) > 0.1
    assert rebased.count == 0
    assert rebased.fitted.coefficients == (0.0, 0.0)
    assert recent.fitted.coefficients[0] == pytest.approx(1.0, abs=0.2)
