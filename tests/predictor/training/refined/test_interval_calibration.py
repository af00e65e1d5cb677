"""Shapes by scale, on residuals whose distribution is known."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.arrays import Array, Indices
from predictor.raw_forecast import LEVELS
from predictor.refined.head import knot_weights
from predictor.training.refined.interval_calibration import shapes_by_scale

World = tuple[Array, Array, Indices]

LOW, HIGH = (int(np.argmin(np.abs(LEVELS - level))) for level in (0.1, 0.9))


@pytest.fixture
def world() -> World:
    """Scales, residuals (skewed where the scale is large, doubled for the second group), groups."""
    rng = np.random.default_rng(0)
    scale = np.exp(rng.uniform(-2, 0, 4000))
    group = rng.integers(2, size=4000)
    even, skewed = rng.normal(size=(4000, 5)), 1 - rng.exponential(size=(4000, 5))
    residuals = np.where(scale[:, None] > np.exp(-1), skewed, even) * (1 + group[:, None])
    return np.asarray(scale), np.asarray(residuals), np.asarray(group, dtype=np.intp)


def test_intervals_cover_at_every_scale_and_for_every_group(world: World) -> None:
    scale, residuals, group = world
    knots, shapes = shapes_by_scale(
        residuals, np.ones_like(residuals), scale, np.arange(4000), group, groups=3
    )
    assert shapes.shape == (len(knots), 3, len(LEVELS))
    found = np.einsum("nk,knl->nl", knot_weights(np.log(scale), knots), shapes[:, group])
    inside = (residuals >= found[:, [LOW]]) & (residuals <= found[:, [HIGH]])
    for part in (scale < np.exp(-1.4), scale > np.exp(-0.6)):
        assert inside[part].mean() == pytest.approx(0.8, abs=0.03)
    for at in range(2):
        assert inside[group == at].mean() == pytest.approx(0.8, abs=0.03)


def test_upper_quantiles_at_large_scales_are_those_measured_at_large_scales(
    world: World,
) -> None:
    scale, residuals, _ = world
    everyone = np.zeros(4000, dtype=np.intp)
    _, shapes = shapes_by_scale(
        residuals, np.ones_like(residuals), scale, np.arange(4000), everyone, groups=1
    )
    assert shapes[-1, 0, HIGH] < shapes[0, 0, HIGH] - 0.2


def test_an_unmeasured_residual_does_not_count_in_the_shapes() -> None:
    scale, group = np.exp(np.linspace(-2, 0, 50)), np.zeros(50, dtype=np.intp)
    residuals = np.column_stack([np.linspace(-1, 1, 50), np.full(50, np.nan)])
    weights = np.column_stack([np.ones(50), np.zeros(50)])
    _, shapes = shapes_by_scale(residuals, weights, scale, np.arange(50), group, groups=2)
    assert np.isfinite(shapes).all()
    assert np.abs(shapes).max() <= 1


def test_a_scale_between_two_knots_takes_from_both_and_a_scale_beyond_all_from_the_last() -> None:
    near = knot_weights(np.array([-3.0, -1.5, 9.0]), np.array([-2.0, -1.0, 0.0]))
    wanted = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(near, wanted)
