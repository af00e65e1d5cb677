"""Inference with the text encoder, by onnxruntime and tokenizers."""

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
from predictor.artefact.format import ArtefactError, NotInstalledError
from predictor.refined.word_pieces import REMEDY, Ids, WordPieces
from predictor.threads import give_way

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT = 1
MANIFEST, GRAPH, TOKENIZER = "encoder.json", "encoder.onnx", "encoder_tokenizer.json"

_RETRAIN = "copy the model again or train again with `lengthwise train --encoder`"
_BATCH_TOKENS = 512
"""Tokens of a batch with padding. A larger batch exceeds a core's cache and is slower."""

_NICE = 10
"""Niceness of the background thread.

Beside a busy thread of normal priority, such a thread gets a tenth of a processor's time.
"""


class Encoder:
    """A trained encoder; immutable, so threads can share one encoder.

    ``encode`` computes outside Python's interpreter lock, on the calling thread or on ``thread``.
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
        self.corpora: tuple[str, ...] = tuple(manifest.get("corpora", ()))
        """The corpora trained on; empty: an encoder that does not say so."""

    def in_background(self) -> Encoder:
        """The same encoder, computing on a thread of low priority.

        For a process with an event loop: at equal priority, the kernel can let the event loop wait
        for a time slice of some 4 ms. The thread runs onnxruntime only, because the kernel could
        suspend a low-priority thread that runs Python and holds the interpreter lock.
        """
        thread = ThreadPoolExecutor(1, "encoder", initializer=_lower_priority)
        return Encoder(self._session, self._pieces, self._manifest, thread)

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """The encoder in ``folder``.

        Raises:
            ArtefactError: a package is missing, or a file is missing, damaged or of another
                format; the message names the package or file and the remedy.
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
        """The outputs for n texts, n x ``columns``.

        The first columns are the forecast log tokens for each of ``models``. The next columns are
        forecasts for the other data sets of the training (``training.refined.targets``). The last
        column is the log of the expected absolute error. Only the beginning and the end of a long
        text are read.
        """
        ids = self._token_ids(texts)
        out = np.empty((len(ids), self.columns), dtype=np.float32)
        for rows in _batches([len(row) for row in ids]):
            out[rows] = self._run([ids[row] for row in rows])
        return out

    def _token_ids(self, texts: Sequence[str]) -> list[Ids]:
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
        for index, row in enumerate(ids):
            tokens[index, : len(row)] = row
            mask[index, : len(row)] = 1
        inputs = {"ids": tokens, "mask": mask}
        if self._thread is None:
            columns: Single = self._session.run(["columns"], inputs)[0]
        else:
            columns = self._thread.submit(self._session.run, ["columns"], inputs).result()[0]
        return columns


def _lower_priority() -> None:
    """Lower the thread's priority; only Linux has a priority for each thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _batches(lengths: list[int]) -> list[list[int]]:
    """The rows in batches of similar length, at most ``_BATCH_TOKENS`` tokens with padding."""
    out: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not out or (len(out[-1]) + 1) * lengths[row] > _BATCH_TOKENS:
            out.append([])
        out[-1].append(row)
    return out


def _session(path: Path, data: bytes) -> InferenceSession:
    try:
        import onnxruntime  # noqa: PLC0415 - an optional package
    except ModuleNotFoundError as error:
        raise NotInstalledError(f"onnxruntime is not installed; {REMEDY}") from error
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
        given = manifest.get("format") if isinstance(manifest, dict) else None
        raise ArtefactError(f"{path} has format {given}, this version reads {FORMAT}; {_RETRAIN}")
    if not _is_complete(manifest) or manifest["columns"] < len(manifest["models"]) + 1:
        raise ArtefactError(f"{path} is not the manifest of an encoder; {_RETRAIN}")
    return manifest


def _is_complete(manifest: dict[str, Any]) -> bool:
    """Whether every field of an encoder's manifest is there, with its type."""
    types = {"models": list, "columns": int, "tokens": int, "files": dict}
    return all(isinstance(manifest.get(name), type_) for name, type_ in types.items())


def _checked(folder: Path, manifest: dict[str, Any], name: str) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"{folder / name} cannot be read ({error.strerror}); {_RETRAIN}"
        ) from error
    if hashlib.sha256(data).hexdigest() != manifest["files"].get(name):
        raise ArtefactError(
            f"{folder / name} is damaged (the manifest has another SHA-256); {_RETRAIN}"
        )
    return data
