"""The output of a booster's trees, by LightGBM's C API.

``Booster.predict`` makes the same call of the library, but copies parameters and builds an object
before it: for one row that takes as long as half of the trees.
"""

from __future__ import annotations

from ctypes import CDLL, byref, c_int, c_int64, c_void_p
from typing import TYPE_CHECKING

import numpy as np

from predictor.arrays import Array

if TYPE_CHECKING:
    from lightgbm import Booster

_DOUBLE, _BY_ROWS, _NORMAL = c_int(1), c_int(1), c_int(0)
"""Codes of the C API: type of the data, order of the data, kind of the output."""
_ONE_THREAD = b"num_threads=1"


def boosted(booster: Booster, inputs: Array) -> Array:
    """The output of ``booster`` for n rows of inputs (n), on the calling thread.

    Raises:
        LightGBMError: the rows do not have the booster's columns.
    """
    from lightgbm import basic  # noqa: PLC0415 - the gateway also runs without

    rows, out = np.ascontiguousarray(inputs, dtype=np.float64), np.empty(len(inputs))
    library: CDLL = basic._LIB  # type: ignore[attr-defined]
    failed = library.LGBM_BoosterPredictForMat(
        booster._handle,
        c_void_p(rows.ctypes.data),
        _DOUBLE,
        c_int(rows.shape[0]),
        c_int(rows.shape[1]),
        _BY_ROWS,
        _NORMAL,
        c_int(0),  # from the first tree
        c_int(booster.best_iteration),
        _ONE_THREAD,
        byref(c_int64()),  # the number of outputs
        c_void_p(out.ctypes.data),
    )
    if failed:
        raise basic.LightGBMError(library.LGBM_GetLastError().decode())
    return out
