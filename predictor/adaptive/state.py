"""State: what was learned, as arrays; a restart then goes on where the last run stopped."""

from __future__ import annotations

import json
import zipfile
import zlib
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.adaptive.fit import Fit
from predictor.adaptive.inputs import NAMES
from predictor.adaptive.layer import AdaptiveLayer
from predictor.adaptive.recent import Recent
from predictor.adaptive.settings import AdaptiveSettings
from predictor.files import atomic_write

VERSION = 1

_PIECE = 1000  # keys copied at a time

State = dict[str, NDArray[Any]]


class StateError(ValueError):
    """A stored state cannot be used; the message says why. Starting without it is no harm."""


def save_state(adaptive: AdaptiveLayer, path: Path) -> None:
    """Write the state to ``path`` (npz, a few MB) at once or not at all."""
    with atomic_write(path) as file:
        np.savez(file, **state_arrays(adaptive))  # type: ignore[arg-type]


def load_state(path: Path, settings: AdaptiveSettings | None = None) -> AdaptiveLayer:
    """The adaptive layer whose state was saved to ``path``.

    Raises:
        StateError: the file is absent, damaged or of another version.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return from_arrays(dict(stored), settings)
    except StateError as error:
        raise StateError(f"{path}: {error}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StateError(f"{path}: {error}; remove it to start without history") from error


def state_arrays(adaptive: AdaptiveLayer) -> State:
    """Everything learned, as arrays; bounded by the settings' ``capacity`` and ``models``.

    Taken piece by piece, so that requests wait for no more than a few milliseconds.
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
    about = {
        "version": VERSION,
        "features": list(NAMES),
        "salt": adaptive.salt.hex(),
        "learners": [list(learner) for learner in adaptive.recents],
        "recents": [_numbers(recent) for recent in adaptive.recents.values()],
        "recalled": adaptive.recalled.count,
    }
    out: State = {
        "about": np.array(json.dumps(about)),
        "between": np.array(adaptive.history.between),
        "total": np.array(adaptive.history.total),
        "recalled": adaptive.recalled.errors.copy(),
    }
    for at, recent in enumerate(adaptive.recents.values()):
        out[f"rows_{at}"] = recent.rows[: recent.count].astype(np.float32)
        out[f"line_{at}"] = np.array(recent.fitted.line)
        out[f"prior_{at}"] = recent.prior.copy()
    return out


def _numbers(recent: Recent) -> dict[str, Any]:
    return {
        "count": recent.count,
        "epoch": recent.epoch,
        "changed": recent.changed,
        "known": recent.known,
        "widen": recent.fitted.widen,
        "stretch": recent.fitted.stretch,
        "endless": recent.endless.tolist(),
        "within": recent.within.tolist(),
    }


def from_arrays(
    stored: Mapping[str, NDArray[Any]], settings: AdaptiveSettings | None = None
) -> AdaptiveLayer:
    """The inverse of ``state_arrays``; other ``settings`` may keep less of it.

    Raises:
        StateError: it is of another version, or of a predictor with other features.
    """
    try:
        about = json.loads(str(stored["about"]))
        _check(about)
        adaptive = AdaptiveLayer(settings, salt=bytes.fromhex(about["salt"]))
        _fill(adaptive, about, stored)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, StateError):
            raise
        raise StateError(f"not a state of the adaptive layer ({error!r})") from error
    return adaptive


def _check(about: Mapping[str, Any]) -> None:
    if about["version"] != VERSION:
        raise StateError(f"has version {about['version']}, this program reads {VERSION}")
    if about["features"] != list(NAMES):
        raise StateError(f"has features {about['features']}, the predictor {list(NAMES)}")


def _fill(
    adaptive: AdaptiveLayer, about: Mapping[str, Any], stored: Mapping[str, NDArray[Any]]
) -> None:
    history = adaptive.history
    history.memory.restore(stored["keys"], stored["widths"], stored["rows"])
    history.between[:], history.total[:] = stored["between"].tolist(), stored["total"].tolist()
    adaptive.recalled.errors[:] = stored["recalled"]
    adaptive.recalled.count = int(about["recalled"])
    if adaptive.recalled.count:
        adaptive.recalled.sort()
    learners = list(zip(about["learners"], about["recents"], strict=True))
    for at, ((tier, model), numbers) in list(enumerate(learners))[-adaptive.settings.models :]:
        recent = Recent(len(NAMES), adaptive.settings)
        _restore(recent, numbers, stored, at)
        adaptive.recents[tier, model] = recent


def _restore(
    recent: Recent, numbers: Mapping[str, Any], stored: Mapping[str, NDArray[Any]], at: int
) -> None:
    rows = stored[f"rows_{at}"].astype(np.float64)
    count = int(numbers["count"])
    size = min(len(rows), len(recent.rows))
    number = np.arange(count - size, count)
    recent.rows[number % len(recent.rows)] = rows[number % len(rows)] if size else rows
    recent.count, recent.epoch = count, int(numbers["epoch"])
    recent.changed, recent.known = int(numbers["changed"]), bool(numbers["known"])
    recent.endless[:], recent.within[:] = numbers["endless"], numbers["within"]
    nothing = np.zeros(0)
    line = tuple(stored[f"line_{at}"].tolist())
    recent.fitted = Fit(line, float(numbers["widen"]), float(numbers["stretch"]), nothing, nothing)
    if count:
        recent.refit(stored[f"prior_{at}"].astype(np.float64))
