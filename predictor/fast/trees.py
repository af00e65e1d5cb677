"""The output of a booster's trees."""

from __future__ import annotations

from ctypes import addressof, byref, c_int, c_int32, c_int64, c_void_p
from typing import Any, Protocol
from weakref import finalize

import numpy as np

from predictor.arrays import Array
from predictor.fast.stored_booster import StoredBooster

_DOUBLE, _NORMAL = c_int(1), c_int(0)
"""Codes of LightGBM's C API: type of the data, kind of the output."""
_ONE_THREAD = b"num_threads=1"


class Booster(Protocol):
    """What forecasts ask of a booster: a ``StoredBooster``, or one that LightGBM has trained."""

    @property
    def best_iteration(self) -> int:
        """The number of trees that count; not above 0 for all of them."""

    def num_feature(self) -> int:
        """The number of columns."""

    def predict(self, inputs: Array, /, *, num_threads: int = ...) -> Any:
        """The output for n rows of inputs (n)."""

    def model_to_string(self) -> str:
        """LightGBM's text of the booster."""


def boosted(booster: Booster, inputs: Array) -> Array:
    """The output of ``booster`` for n rows of inputs (n), on the calling thread.

    Raises:
        ValueError, LightGBMError: the rows do not have the booster's columns.
    """
    return np.asarray(booster.predict(inputs, num_threads=1), dtype=np.float64)


class Trees:
    """The trees of a booster that is trained no further; threads can share them.

    A single row goes through the C API for single rows, which reads parameters once:
    ``Booster.predict`` spends more time on them, and on objects around the call, than the trees
    take. The C API has its own lock.
    """

    def __init__(self, booster: Booster) -> None:
        self.booster = booster
        self.columns: int = booster.num_feature()
        self._config: int | None = None
        self._predict_row: Any = None
        try:
            self._prepare(*_in_c(booster))
        except AttributeError:  # another LightGBM keeps them elsewhere: the slower call remains
            self._predict_row = None

    def __reduce__(self) -> tuple[type[Trees], tuple[Booster]]:
        """Copies have a configuration of their own."""
        return Trees, (self.booster,)

    def _prepare(self, library: Any, handle: c_void_p) -> None:
        config = c_void_p()
        failed = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            handle,
            _NORMAL,
            c_int(0),  # from the first tree
            c_int(self.booster.best_iteration),
            _DOUBLE,
            c_int32(self.columns),
            _ONE_THREAD,
            byref(config),
        )
        if failed:
            return
        end = finalize(self, library.LGBM_FastConfigFree, config)  # before the booster's own end
        end.atexit = False  # a thread that nobody waits for may be in the library as Python ends
        self._config, self._predict_row = config.value, _row_call(library)

    def __call__(self, inputs: Array) -> Array:
        """The output for n rows of inputs (n), on the calling thread.

        Raises:
            ValueError, LightGBMError: the rows do not have the booster's columns.
        """
        if self._predict_row is None or inputs.shape != (1, self.columns):
            return boosted(self.booster, inputs)
        row, out, size = np.ascontiguousarray(inputs, np.float64), np.empty(1), c_int64()
        if self._predict_row(self._config, row.ctypes.data, addressof(size), out.ctypes.data):
            return boosted(self.booster, inputs)  # raises what is wrong
        return out


def _in_c(booster: Any) -> tuple[Any, c_void_p]:
    """The library of a booster, and its handle there.

    Raises:
        AttributeError: this LightGBM keeps them elsewhere.
    """
    if isinstance(booster, StoredBooster):
        return booster.library, booster.handle
    from lightgbm import basic  # noqa: PLC0415 - the gateway runs without

    return basic._LIB, booster._handle  # type: ignore[attr-defined]


def _row_call(library: Any) -> Any:
    """The C function for a row, as an object of our own: LightGBM's has no argument types."""
    function = library["LGBM_BoosterPredictForMatSingleRowFast"]
    function.argtypes = (c_void_p, c_void_p, c_void_p, c_void_p)
    return function
