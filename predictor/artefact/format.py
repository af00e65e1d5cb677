"""The format of a trained model on disk: a directory, published whole and checked when read.

``manifest.json`` lists every other file with its SHA-256. Arrays are .npz without pickle, boosters
are gzipped LightGBM text: reading a model runs no code of the model.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.features.definition import feature_hash
from predictor.files import check_folder, mode_in, rename

FORMAT = 1
MANIFEST = "manifest.json"
_RETRAIN = "train again with `lengthwise train`"

Arrays = Mapping[str, NDArray[Any]]


class ArtefactError(Exception):
    """A model directory cannot be used; the message names the file and the remedy."""


class NotInstalledError(ArtefactError):
    """A part of a model needs a package of an extra that is not installed."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """The parts of a model directory: manifest, arrays by name, LightGBM texts by name."""

    manifest: dict[str, Any]
    arrays: Arrays
    boosters: Mapping[str, str]


def publish(
    out: Path,
    *,
    manifest: Mapping[str, Any],
    arrays: Arrays,
    boosters: Mapping[str, str],
    texts: Mapping[str, str],
    files: Mapping[str, bytes] | None = None,
) -> None:
    """Write a model directory that replaces the directory ``out``.

    ``arrays`` and ``boosters`` (LightGBM texts) are stored by name; ``texts`` and ``files`` are
    written unchanged.

    A reader sees the old directory or the new one, never a mixture. For an instant between two
    renames, the reader sees no directory. A failure leaves the old directory.

    Raises:
        ArtefactError: ``out`` is a directory of other files.
        OSError: the directory cannot be written.
    """
    check_place(out)
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        written = {"arrays.npz": _npz(arrays), **(files or {})}
        written |= {f"{name}.txt.gz": _gzip(text) for name, text in boosters.items()}
        written |= {name: text.encode() for name, text in texts.items()}
        for name, data in written.items():
            (stage / name).write_bytes(data)
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
        complete = {"format": FORMAT, "feature_hash": feature_hash(), **manifest, "files": sums}
        (stage / MANIFEST).write_text(json.dumps(complete, indent=2) + "\n", encoding="utf-8")
        for path in (*stage.iterdir(), stage):
            path.chmod(mode_in(out.parent, 0o755 if path == stage else 0o644))
        _swap(stage, out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def check_place(out: Path) -> None:
    """Check that a model directory can be written to ``out``, before it is trained.

    Raises:
        ArtefactError: ``out`` is a directory of other files.
        OSError: the directory cannot be written.
    """
    out = out.resolve()
    check_folder(out)
    check_folder(out.parent)
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise ArtefactError(f"{out} holds something other than a model; choose another --out")


def _swap(stage: Path, out: Path) -> None:
    """Rename ``stage`` to ``out``; an old ``out`` is renamed before and deleted after."""
    if not out.exists():
        rename(stage, out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    rename(out, old / "model")
    rename(stage, out)
    shutil.rmtree(old, ignore_errors=True)


def read(path: Path, *, any_features: bool = False) -> Artefact:
    """Read and check a model directory.

    ``any_features``: also a model trained with another definition of the features, whose encoder
    can still be used.

    Raises:
        ArtefactError: a file is absent, damaged or of another format, or the model was trained
            with another definition of the features.
    """
    manifest = _manifest(path / MANIFEST, any_features=any_features)
    arrays: dict[str, NDArray[Any]] = {}
    boosters: dict[str, str] = {}
    for name, expected in manifest["files"].items():
        data = _checked(path, name, expected)
        try:
            if name.endswith(".npz"):
                arrays |= _arrays(data)
            elif name.endswith(".txt.gz"):
                boosters[name.removesuffix(".txt.gz")] = gzip.decompress(data).decode()
        except (ValueError, OSError, EOFError) as error:
            raise ArtefactError(f"{path / name} cannot be read ({error}); {_RETRAIN}") from error
    return Artefact(manifest, arrays, boosters)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a model directory, whose other files are not looked at.

    Raises:
        ArtefactError: the manifest is absent, damaged or of another format, or the model was
            trained with another definition of the features.
    """
    return _manifest(path / MANIFEST, any_features=False)


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtefactError(
            f"{path} cannot be read ({error.strerror}); give a directory made by `lengthwise train`"
        ) from error
    except ValueError as error:
        raise ArtefactError(f"{path} is not JSON ({error}); {_RETRAIN}") from error


def _manifest(path: Path, *, any_features: bool) -> dict[str, Any]:
    manifest = _read_json(path)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ArtefactError(f"{path} is not the manifest of a model; {_RETRAIN}")
    if manifest.get("format") != FORMAT:
        raise ArtefactError(
            f"{path} has format {manifest.get('format')}, this version reads {FORMAT}; {_RETRAIN}"
        )
    if not any_features and manifest.get("feature_hash") != feature_hash():
        raise ArtefactError(
            f"{path} was trained with other features (feature_hash "
            f"{manifest.get('feature_hash')}, here {feature_hash()}); {_RETRAIN}"
        )
    return manifest


def _checked(folder: Path, name: str, expected: object) -> bytes:
    path = folder / name
    if path.name != name:
        raise ArtefactError(f"{folder / MANIFEST} names a file elsewhere, {name}; {_RETRAIN}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read ({error.strerror}); {_RETRAIN}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise ArtefactError(
            f"{path} is damaged (the manifest has another SHA-256); copy the model again or "
            f"{_RETRAIN}"
        )
    return data


def _npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _gzip(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)
