"""From the fine-tuned net to the files that serving reads."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np

from predictor.artefact.format import ArtefactError
from predictor.refined.encoder import FORMAT, GRAPH, MANIFEST, TOKENIZER, Encoder
from predictor.training.refined.fit import Trained, predict
from predictor.training.refined.graph import build

LEAST_AGREEMENT = 0.99
"""Correlation with the net, over the checked texts and columns, below which export fails."""


def graph(trained: Trained) -> bytes:
    """The net as an ONNX file with weights in whole numbers; its outputs are ``fit.columns``.

    Those are linear in the net's, and so become part of the head.
    """
    weights = {
        name: tensor.detach().float().cpu().contiguous().numpy()
        for name, tensor in trained.net.state_dict().items()
    }
    count = len(trained.centre)
    fold = np.zeros((count + 1, count + 2))
    fold[:count, 0] = trained.spread
    fold[:count, 1 : count + 1] = trained.spread * np.eye(count)
    fold[-1, -1] = 1.0
    constant = np.array([*trained.centre, math.log(trained.spread)])
    weights["head.weight"] = (fold @ weights["head.weight"]).astype(np.float32)
    weights["head.bias"] = (fold @ weights["head.bias"] + constant).astype(np.float32)
    size = trained.net.size
    return build(weights, heads=size.heads, whole=size.whole, peaks=trained.peaks)


def files(trained: Trained, *, models: list[str]) -> dict[str, bytes]:
    """The encoder's files by name; ``models`` names its first columns.

    The manifest holds the SHA-256 of the others.
    """
    parts = {GRAPH: graph(trained), TOKENIZER: trained.tokenizer.encode()}
    manifest = {
        "format": FORMAT,
        "models": models,
        "columns": len(trained.centre) + 1,
        "tokens": trained.settings.tokens,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()},
    }
    return {MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode(), **parts}


def write(trained: Trained, folder: Path, *, models: list[str]) -> None:
    """Write the encoder's files into ``folder``, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files(trained, models=models).items():
        (folder / name).write_bytes(data)


def check(trained: Trained, folder: Path, texts: list[str]) -> float:
    """How well the files in ``folder`` agree with the net on ``texts`` (correlation, 0..1).

    Over all columns of log tokens, each without its mean. Rounded weights cost some digits; a wrong
    operator or a swapped matrix would cost all.

    Raises:
        ArtefactError: it is less than ``LEAST_AGREEMENT``.
    """
    count = len(trained.centre)
    served = Encoder.load(folder).encode(texts)[:, :count].astype(np.float64)
    wanted = predict(trained, texts)[:, :count].astype(np.float64)
    served, wanted = served - served.mean(axis=0), wanted - wanted.mean(axis=0)
    size = math.sqrt(float((served**2).sum() * (wanted**2).sum()))
    agreement = float((served * wanted).sum()) / max(size, 1e-30)
    if not agreement >= LEAST_AGREEMENT:
        raise ArtefactError(
            f"{folder / GRAPH} agrees with the trained net only to {agreement:.3f} "
            f"(correlation, need {LEAST_AGREEMENT}); report this with the versions of torch, onnx "
            "and onnxruntime"
        )
    return agreement
