"""Running the encoder: texts in, a row of numbers out. Needs onnxruntime and tokenizers only."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.arrays import Single
from predictor.artefact.format import ArtefactError
from predictor.refined.word_pieces import REMEDY, Ids, WordPieces
from predictor.threads import give_way

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT = 1
MANIFEST, GRAPH, TOKENIZER = "encoder.json", "encoder.onnx", "encoder_tokenizer.json"

_RETRAIN = "copy the model again or train again with `lengthwise train --encoder`"
_BATCH_TOKENS = 512
"""Tokens of a batch, padding included: what still fits a core's cache; larger ones are slower."""

_NICE = 10
"""A tenth of a processor's time where another wants all of it."""


class Encoder:
    """A trained encoder; immutable, so that threads may share one.

    It computes outside Python's interpreter lock, on the calling thread only, or on the one that
    it was given.
    """

    def __init__(
        self,
        session: InferenceSession,
        pieces: WordPieces,
        manifest: dict[str, Any],
        thread: Executor | None = None,
    ) -> None:
        self._session = session
        self._pieces = pieces
        self._manifest = manifest
        self._thread = thread
        self.models: tuple[str, ...] = tuple(manifest["models"])
        self.columns: int = manifest["columns"]

    def in_background(self) -> Encoder:
        """The same, computing on a thread that leaves the processor to any other that wants it.

        For a process with an event loop, which the kernel may otherwise keep waiting for a slice
        of some 4 ms. The thread does nothing but compute: one that also ran Python would, put
        off, keep the interpreter lock.
        """
        thread = ThreadPoolExecutor(1, "encoder", initializer=_step_back)
        return Encoder(self._session, self._pieces, self._manifest, thread)

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """The encoder in ``folder``.

        Raises:
            ArtefactError: a package or a file is missing, damaged or foreign; the message names
                it and the remedy.
        """
        manifest = _manifest(folder / MANIFEST)
        parts = {name: _checked(folder, manifest, name) for name in (GRAPH, TOKENIZER)}
        try:
            definition = parts[TOKENIZER].decode()
        except UnicodeDecodeError as error:
            raise ArtefactError(f"{folder / TOKENIZER} is not text; {_RETRAIN}") from error
        session = _session(folder / GRAPH, parts[GRAPH])
        return cls(session, WordPieces(definition, limit=manifest["tokens"]), manifest)

    def encode(self, texts: Sequence[str]) -> Single:
        """A row for each text (n x ``columns``).

        First the forecast log tokens of each of ``models``, then of the other columns trained on,
        last the log size of the error. Of long texts only the beginning and the end are read.
        """
        ids = self._cut_up(texts)
        out = np.empty((len(ids), self.columns), dtype=np.float32)
        for rows in _batches([len(row) for row in ids]):
            out[rows] = self._run([ids[row] for row in rows])
        return out

    def _cut_up(self, texts: Sequence[str]) -> list[Ids]:
        if self._thread is None:
            return self._pieces(texts)
        ids = []
        for text in texts:
            ids += self._pieces([text])
            give_way()
        return ids

    def _run(self, ids: list[Ids]) -> Single:
        longest = max(len(row) for row in ids)
        longest += longest % 2  # the graph takes tokens in pairs
        tokens = np.zeros((len(ids), longest), dtype=np.int64)
        mask = np.zeros((len(ids), longest), dtype=np.int32)
        for at, row in enumerate(ids):
            tokens[at, : len(row)] = row
            mask[at, : len(row)] = 1
        read = {"ids": tokens, "mask": mask}
        if self._thread is None:
            found: Single = self._session.run(["columns"], read)[0]
        else:
            found = self._thread.submit(self._session.run, ["columns"], read).result()[0]
        return found


def _step_back() -> None:
    """Lower this thread's priority: on Linux it is the thread's own, elsewhere the process's."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _batches(lengths: list[int]) -> list[list[int]]:
    """Rows of like length together, at most ``_BATCH_TOKENS`` tokens with padding."""
    out: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not out or (len(out[-1]) + 1) * lengths[row] > _BATCH_TOKENS:
            out.append([])
        out[-1].append(row)
    return out


def _session(path: Path, data: bytes) -> InferenceSession:
    try:
        import onnxruntime  # noqa: PLC0415 - only the refined tier has it
    except ImportError as error:
        raise ArtefactError(f"onnxruntime cannot be loaded ({error}); {REMEDY}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArtefactError(f"{path} cannot be run ({error}); {_RETRAIN}") from error


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtefactError(
            f"{path} cannot be read ({error.strerror}); give a directory made by "
            "`lengthwise train --encoder`"
        ) from error
    except ValueError as error:
        raise ArtefactError(f"{path} is not JSON ({error}); {_RETRAIN}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ArtefactError(f"{path} has format {found}, this version reads {FORMAT}; {_RETRAIN}")
    whole = (
        isinstance(manifest.get("models"), list)
        and isinstance(manifest.get("columns"), int)
        and isinstance(manifest.get("tokens"), int)
        and isinstance(manifest.get("files"), dict)
    )
    if not whole or manifest["columns"] < len(manifest["models"]) + 1:
        raise ArtefactError(f"{path} is not the manifest of an encoder; {_RETRAIN}")
    return manifest


def _checked(folder: Path, manifest: dict[str, Any], name: str) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"{folder / name} cannot be read ({error.strerror}); {_RETRAIN}"
        ) from error
    if hashlib.sha256(data).hexdigest() != manifest["files"].get(name):
        raise ArtefactError(
            f"{folder / name} is damaged (its SHA-256 is not the manifest's); {_RETRAIN}"
        )
    return data
