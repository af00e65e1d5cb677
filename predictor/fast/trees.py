"""The output of a booster's trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from predictor.arrays import Array

if TYPE_CHECKING:
    from lightgbm import Booster


def boosted(booster: Booster, inputs: Array) -> Array:
    """The output of ``booster`` for n rows of inputs (n), on the calling thread.

    Raises:
        LightGBMError: the rows do not have the booster's columns.
    """
    return np.asarray(booster.predict(inputs, num_threads=1), dtype=np.float64)
