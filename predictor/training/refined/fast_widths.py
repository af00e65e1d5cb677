"""A refined head with the scales and shapes of the fast tier."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array
from predictor.fast.inputs import TrainedModels
from predictor.refined.head import RefinedHead

_KNOTS = np.array([-4.0, 2.0])  # log scales; both have the fast tier's shapes
_ROWS = 40  # of the data for a booster that always says 0


def with_fast_widths(
    location: lgb.Booster,
    blend: Array,
    fast_share: float | Array,
    shapes: Array,
    models: TrainedModels,
) -> RefinedHead:
    """A head with the fast tier's scales and ``shapes`` (groups x levels)."""
    still = constant_zero(location.num_feature())
    level, trust, knots = 0.0, 1.0, _KNOTS
    every = np.stack([shapes] * len(knots))
    return RefinedHead(location, still, blend, level, trust, fast_share, knots, every, models)


def constant_zero(columns: int) -> lgb.Booster:
    """A booster of so many ``columns`` whose output is always 0."""
    data = lgb.Dataset(np.zeros((_ROWS, columns)), np.zeros(_ROWS), params={"verbose": -1})
    return lgb.train({"objective": "regression", "verbose": -1}, data, 1)
