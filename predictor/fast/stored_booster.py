"""A booster read from LightGBM's text, by LightGBM's C API alone.

LightGBM's Python package loads scipy and others to accept their data, which takes a third of a
second and 20 MB; forecasts pass numpy arrays. What stays in C is documented and stable
(``LightGBM/c_api.h``).
"""

from __future__ import annotations

import json
import sys
from ctypes import (
    CDLL,
    POINTER,
    byref,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_void_p,
    create_string_buffer,
)
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np

from predictor.arrays import Array

ALL_TREES = -1
"""Number of trees that stands for all of them."""

_DOUBLE, _NORMAL, _ROW_MAJOR = 1, 0, 1
"""Codes of the C API: type of the data, kind of the output, order of the data."""

_NAMES = {"win32": "lib_lightgbm.dll", "darwin": "lib_lightgbm.dylib"}
_FOLDERS = ("lib", "bin", ".", "..")
"""Where LightGBM's package may keep its library."""


class StoredBooster:
    """A booster that is trained no further. Threads can share one: the C API has its own lock.

    Raises:
        ImportError, OSError: LightGBM or its runtime library is absent.
        ValueError: the text is no booster.
    """

    best_iteration = ALL_TREES

    def __init__(self, text: str) -> None:
        self.library = _library()
        self.handle = c_void_p()
        trees = c_int()
        self._call("LoadModelFromString", c_char_p(text.encode()), byref(trees), byref(self.handle))
        # a thread that nobody waits for may be in the library as Python ends
        finalize(self, self.library.LGBM_BoosterFree, self.handle).atexit = False
        outputs = c_int()
        self._call("GetNumClasses", self.handle, byref(outputs))
        if outputs.value != 1:
            raise ValueError(f"{outputs.value} outputs a row in place of one")

    def __reduce__(self) -> tuple[type[StoredBooster], tuple[str]]:
        """A copy has trees of its own."""
        return StoredBooster, (self.model_to_string(),)

    def num_feature(self) -> int:
        """The number of columns."""
        columns = c_int()
        self._call("GetNumFeature", self.handle, byref(columns))
        return columns.value

    def model_to_string(self) -> str:
        """LightGBM's text of the booster."""
        return self._text("SaveModelToString")

    def dump_model(self) -> dict[str, Any]:
        """The trees as dictionaries, as LightGBM's package gives them."""
        dumped: dict[str, Any] = json.loads(self._text("DumpModel"))
        return dumped

    def predict(self, inputs: Array, *, num_threads: int = 1) -> Array:
        """The output for n rows of inputs (n).

        Raises:
            ValueError: the rows do not have the booster's columns.
        """
        rows = np.ascontiguousarray(inputs, np.float64)
        out, size = np.empty(len(rows)), c_int64()
        self._call(
            "PredictForMat",
            *(self.handle, rows.ctypes.data_as(c_void_p), c_int(_DOUBLE)),
            *(c_int32(rows.shape[0]), c_int32(rows.shape[1]), c_int(_ROW_MAJOR)),
            *(c_int(_NORMAL), c_int(0), c_int(ALL_TREES), b"num_threads=%d" % num_threads),
            *(byref(size), out.ctypes.data_as(POINTER(c_double))),
        )
        return out

    def _text(self, name: str) -> str:
        """What a function of C writes of all trees."""
        size = c_int64(1 << 20)
        while True:
            text, room = create_string_buffer(size.value), size.value
            self._call(
                name,
                *(self.handle, c_int(0), c_int(ALL_TREES), c_int(0)),  # no kind of importance
                *(c_int64(room), byref(size), text),
            )
            if size.value <= room:
                return text.value.decode()

    def _call(self, name: str, *given: Any) -> None:
        if self.library[f"LGBM_Booster{name}"](*given):
            say = self.library.LGBM_GetLastError
            raise ValueError(say().decode("utf-8", "replace"))


def _library() -> CDLL:
    """LightGBM's library, where its package is installed.

    Raises:
        ImportError, OSError: it is absent, or what it needs is.
    """
    try:
        spec = find_spec("lightgbm")
    except ValueError:  # whoever has hidden the package wants none of it
        spec = None
    if spec is None or spec.origin is None:
        raise ImportError("No module named 'lightgbm'")
    folder, name = Path(spec.origin).parent, _NAMES.get(sys.platform, "lib_lightgbm.so")
    found = (folder / one / name for one in _FOLDERS)
    path = next((path for path in found if path.is_file()), None)
    library = _loaded_by_lightgbm() if path is None else CDLL(str(path))
    library.LGBM_GetLastError.restype = c_char_p
    return library


def _loaded_by_lightgbm() -> CDLL:
    """The library that the package finds, in a place that no release has."""
    from lightgbm import basic  # noqa: PLC0415 - last resort

    library: CDLL = basic._LIB  # type: ignore[attr-defined]
    return library
