"""Boosters as the predictor asks them: many rows at once, or one row at the least cost.

Most of the time that LightGBM spends on one row goes into parsing its own settings. Its C
interface has a call that does this once and for all; where it cannot be had, the usual one serves.
"""

from __future__ import annotations

import ctypes
import logging
import weakref
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lightgbm import Booster

Array = NDArray[np.float64]

log = logging.getLogger("lengthwise")

_NORMAL, _FLOAT64 = 0, 1  # C_API_PREDICT_NORMAL, C_API_DTYPE_FLOAT64 of LightGBM's c_api.h
_SETTINGS = b"num_threads=1"


class Trees:
    """A booster; immutable, so that threads may share one."""

    def __init__(self, booster: Booster) -> None:
        self.booster = booster
        self.columns = booster.num_feature()
        self._single = _single(booster, self.columns)

    def run(self, rows: Array) -> Array:
        """The answers (n) for n rows of ``columns`` inputs, by one thread."""
        if len(rows) == 1 and self._single is not None:
            return self._single(rows)
        return np.asarray(self.booster.predict(rows, num_threads=1), dtype=np.float64)


class _Single:
    """LightGBM's call for one row, with its settings parsed beforehand.

    Raises:
        OSError, AttributeError, KeyError: this LightGBM has no such call, or refuses it.
    """

    def __init__(self, booster: Booster, columns: int) -> None:
        import lightgbm  # noqa: PLC0415 - only with a booster at hand

        # As a Python call it holds the interpreter's lock, so that two threads cannot be in it at
        # once: LightGBM reuses its buffers.
        library = ctypes.PyDLL(vars(lightgbm.basic)["_LIB"]._name)
        self._booster = booster  # the settings point into it
        self._columns = columns
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        self._call.argtypes = [ctypes.c_void_p] * 4
        settings = ctypes.c_void_p()
        begin = library.LGBM_BoosterPredictForMatSingleRowFastInit
        begin.argtypes = [ctypes.c_void_p, *[ctypes.c_int] * 4, ctypes.c_int32]
        begin.argtypes += [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
        shape = (_NORMAL, 0, -1, _FLOAT64, columns)
        if begin(booster._handle, *shape, _SETTINGS, ctypes.byref(settings)):
            raise OSError("LightGBM refuses to predict single rows")
        self._settings = settings
        weakref.finalize(self, library.LGBM_FastConfigFree, settings)

    def __call__(self, rows: Array) -> Array:
        """The answer (1) for one row."""
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        if rows.shape != (1, self._columns):
            raise ValueError(f"a row of {rows.shape[1]} inputs, need {self._columns}")
        out, length = np.empty(1), ctypes.c_int64()
        if self._call(self._settings, rows.ctypes.data, ctypes.byref(length), out.ctypes.data):
            raise ValueError("LightGBM cannot predict this row")
        return out


def _single(booster: Booster, columns: int) -> _Single | None:
    """The call for one row, if it is there and answers what the usual one does."""
    try:
        single = _Single(booster, columns)
    except (OSError, AttributeError, KeyError, ctypes.ArgumentError) as error:
        log.info("single forecasts take LightGBM's usual way: %s", error)
        return None
    row = np.zeros((1, columns))
    same = np.array_equal(single(row), np.asarray(booster.predict(row, num_threads=1)))
    return single if same else None
