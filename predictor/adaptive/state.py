"""Saves and loads the state of the adaptive layer, so that a restart loses nothing learned."""

from __future__ import annotations

import json
import zipfile
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.adaptive.fit import Fit
from predictor.adaptive.inputs import NAMES
from predictor.adaptive.layer import AdaptiveLayer
from predictor.adaptive.recent import RecentAnswers
from predictor.adaptive.settings import AdaptiveSettings
from predictor.files import PRIVATE_FILE, atomic_write
from predictor.raw_forecast import MASS

VERSION = 2

_PIECE = 1000  # keys copied under one hold of the lock

State = dict[str, NDArray[Any]]


class StateError(ValueError):
    """A stored state cannot be used; the message gives the reason.

    The adaptive layer can start without a state.
    """


def save_state(adaptive: AdaptiveLayer, path: Path) -> None:
    """Write the state to the file ``path`` (npz, a few MB), whole or not at all."""
    with atomic_write(path, mode=PRIVATE_FILE) as file:  # the salt of the pseudonyms is in it
        np.savez(file, **state_arrays(adaptive))  # type: ignore[arg-type]


def load_state(path: Path, settings: AdaptiveSettings | None = None) -> AdaptiveLayer:
    """The adaptive layer with the state saved in the file ``path``.

    Raises:
        StateError: the file is absent, damaged or of another version.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return from_arrays(dict(stored), settings)
    except StateError as error:
        raise StateError(f"{path}: {error}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StateError(f"{path}: {error}; remove the file to start without history") from error


def state_arrays(adaptive: AdaptiveLayer) -> State:
    """Everything learned, as arrays; the settings' ``capacity`` and ``models`` bound the size.

    The arrays are copied piece by piece; a request waits for the lock for a few milliseconds.
    """
    with adaptive.lock:
        keys = adaptive.history.memory.keys()
        out = _models(adaptive)
    rows: dict[int, array[float]] = {}
    for start in range(0, len(keys), _PIECE):
        with adaptive.lock:
            rows |= adaptive.history.memory.copies(keys[start : start + _PIECE])
    flat = array("d")
    for row in rows.values():
        flat.extend(row)
    return out | {
        "keys": np.array(list(rows), dtype=np.int64),
        "widths": np.array([len(row) for row in rows.values()], dtype=np.int64),
        "rows": np.array(flat, dtype=np.float64),
    }


def _models(adaptive: AdaptiveLayer) -> State:
    header = {
        "version": VERSION,
        "features": list(NAMES),
        "salt": adaptive.salt.hex(),
        "learners": [list(learner) for learner in adaptive.recent],
        "recents": [_numbers(recent) for recent in adaptive.recent.values()],
        "recalled": adaptive.history_errors.count,
    }
    out: State = {
        "about": np.array(json.dumps(header)),
        "between": np.array(adaptive.history.between),
        "total": np.array(adaptive.history.total),
        "recalled": adaptive.history_errors.errors.copy(),
    }
    for index, recent in enumerate(adaptive.recent.values()):
        out[f"rows_{index}"] = recent.rows[: recent.count].astype(np.float32)
        out[f"line_{index}"] = np.array(recent.fitted.coefficients)
        out[f"prior_{index}"] = recent.prior.copy()
    return out


def _numbers(recent: RecentAnswers) -> dict[str, Any]:
    return {
        "count": recent.count,
        "epoch": recent.epoch,
        "changed": recent.changed,
        "known": recent.known,
        "widen": list(recent.fitted.scale_coefficients),
        "endless": recent.endless.tolist(),
        "within": recent.within.tolist(),
    }


def from_arrays(
    stored: Mapping[str, NDArray[Any]], settings: AdaptiveSettings | None = None
) -> AdaptiveLayer:
    """The inverse of ``state_arrays``; with smaller ``settings``, only the latest part is kept.

    Raises:
        StateError: the state is of another version, or of a predictor with other features.
    """
    try:
        header = json.loads(str(stored["about"]))
        _check(header)
        adaptive = AdaptiveLayer(settings, salt=bytes.fromhex(header["salt"]))
        _fill(adaptive, header, stored)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, StateError):
            raise
        raise StateError(f"is not a state of the adaptive layer ({error!r})") from error
    return adaptive


def _check(header: Mapping[str, Any]) -> None:
    if header["version"] != VERSION:
        raise StateError(f"has version {header['version']}, this program reads {VERSION}")
    if header["features"] != list(NAMES):
        raise StateError(f"has features {header['features']}, the predictor {list(NAMES)}")


def _fill(
    adaptive: AdaptiveLayer, header: Mapping[str, Any], stored: Mapping[str, NDArray[Any]]
) -> None:
    history = adaptive.history
    history.memory.restore(stored["keys"], stored["widths"], stored["rows"])
    history.between[:], history.total[:] = stored["between"].tolist(), stored["total"].tolist()
    adaptive.history_errors.errors[:] = stored["recalled"]
    adaptive.history_errors.count = int(header["recalled"])
    if adaptive.history_errors.count:
        adaptive.history_errors.sort()
    learners = list(zip(header["learners"], header["recents"], strict=True))
    kept = list(enumerate(learners))[-adaptive.settings.models :]
    for index, ((tier, model), numbers) in kept:
        recent = RecentAnswers(len(NAMES), adaptive.settings)
        _restore(recent, numbers, stored, index)
        adaptive.recent[tier, model] = recent


def _restore(
    recent: RecentAnswers,
    numbers: Mapping[str, Any],
    stored: Mapping[str, NDArray[Any]],
    index: int,
) -> None:
    rows = stored[f"rows_{index}"].astype(np.float64)
    count = int(numbers["count"])
    size = min(len(rows), len(recent.rows))
    number = np.arange(count - size, count)
    recent.rows[number % len(recent.rows)] = rows[number % len(rows)] if size else rows
    recent.count, recent.epoch = count, int(numbers["epoch"])
    recent.changed, recent.known = int(numbers["changed"]), bool(numbers["known"])
    recent.endless[:], recent.within[:] = numbers["endless"], numbers["within"]
    coefficients = tuple(stored[f"line_{index}"].tolist())
    wider = tuple(float(number) for number in numbers["widen"])
    if not np.isfinite([*coefficients, *wider]).all():
        return  # the next answer fits the rows anew
    recent.fitted = Fit(coefficients, wider, np.zeros(0), np.zeros(0))
    prior = stored[f"prior_{index}"].astype(np.float64)
    if count and 0 < MASS @ prior**2 < np.inf:  # earlier versions stored a shape of zeros
        recent.prior = prior
        recent.refit(prior)  # for the residuals: a fit that goes on from itself is another one
        recent.fitted = replace(recent.fitted, coefficients=coefficients, scale_coefficients=wider)
