"""Export of the fine-tuned net to the encoder's files: ONNX graph, tokenizer, manifest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from predictor.refined.encoder import FORMAT, GRAPH, MANIFEST, TOKENIZER
from predictor.training.refined.fit import FittedEncoder
from predictor.training.refined.graph import build


def onnx_graph(encoder: FittedEncoder) -> bytes:
    """The net as an ONNX file with integer weights; the outputs are those of ``fit.columns``.

    These outputs are linear in the net's, so the linear map becomes part of the net's head.
    """
    weights = {
        name: tensor.detach().float().cpu().contiguous().numpy()
        for name, tensor in encoder.net.state_dict().items()
    }
    count = len(encoder.centre)
    fold = np.zeros((count + 1, count + 2))
    fold[:count, 0] = encoder.spread
    fold[:count, 1 : count + 1] = encoder.spread * np.eye(count)
    fold[-1, -1] = 1.0
    constant = np.array([*encoder.centre, math.log(encoder.spread)])
    weights["head.weight"] = (fold @ weights["head.weight"]).astype(np.float32)
    weights["head.bias"] = (fold @ weights["head.bias"] + constant).astype(np.float32)
    size = encoder.net.size
    return build(
        weights, heads=size.heads, unpaired_layers=size.unpaired_layers, peaks=encoder.peaks
    )


def files(
    encoder: FittedEncoder, *, models: list[str], corpora: Sequence[str] = ()
) -> dict[str, bytes]:
    """The encoder's files by name; ``models`` are the names of the first columns.

    The manifest holds the ``corpora`` trained on and the SHA-256 of the other files.
    """
    parts = {GRAPH: onnx_graph(encoder), TOKENIZER: encoder.tokenizer.encode()}
    manifest = {
        "format": FORMAT,
        "models": models,
        "corpora": list(corpora),
        "columns": len(encoder.centre) + 1,
        "tokens": encoder.settings.tokens,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()},
    }
    return {MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode(), **parts}


def write(encoder: FittedEncoder, folder: Path, *, models: list[str]) -> None:
    """Write the encoder's files into the existing ``folder``."""
    for name, data in files(encoder, models=models).items():
        (folder / name).write_bytes(data)
