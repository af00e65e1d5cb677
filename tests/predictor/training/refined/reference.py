"""A reference implementation of the encoder in numpy, for the net and for the graph."""

from __future__ import annotations

from math import erf

import numpy as np

from predictor.arrays import Array, Single


def columns(
    weights: dict[str, Single], ids: list[int], *, heads: int, unpaired_layers: int
) -> Array:
    """The outputs of the net with ``weights`` for one prompt's token ids, without padding.

    Layers from number ``unpaired_layers`` on work on pairs; a last token without a neighbour is
    a pair of its own.
    """
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    x = _norm(w["words.weight"][ids] + w["positions.weight"][: len(ids)], w, "norm")
    layer = 0
    while f"layers.{layer}.qkv.weight" in w:
        states = x
        if layer == unpaired_layers:
            states = np.array([x[at : at + 2].mean(axis=0) for at in range(0, len(x), 2)])
        x = _layer(x, states, w, f"layers.{layer}.", heads)
        layer += 1
    shares = _softmax((x @ w["attend.weight"].T + w["attend.bias"])[:, 0])
    pooled = np.concatenate([x.mean(axis=0), shares @ x])
    return np.asarray(w["head.weight"] @ pooled + w["head.bias"])


def _layer(x: Array, states: Array, w: dict[str, Array], prefix: str, heads: int) -> Array:
    def linear(rows: Array, name: str) -> Array:
        return np.asarray(rows @ w[f"{prefix}{name}.weight"].T + w[f"{prefix}{name}.bias"])

    query = np.split(linear(states, "qkv"), 3, axis=1)[0]
    _, key, value = np.split(linear(x, "qkv"), 3, axis=1)
    mixed = []
    for part in np.split(np.arange(x.shape[1]), heads):
        scores = query[:, part] @ key[:, part].T / np.sqrt(len(part))
        mixed.append(_softmax(scores) @ value[:, part])
    x = _norm(states + linear(np.concatenate(mixed, axis=1), "out"), w, f"{prefix}norm")
    inner = linear(x, "up")
    inner *= 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
    return _norm(x + linear(inner, "down"), w, f"{prefix}last")


def _norm(x: Array, w: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt(centred.var(axis=1, keepdims=True) + 1e-12)
    return np.asarray(scaled * w[f"{name}.weight"] + w[f"{name}.bias"])


def _softmax(x: Array) -> Array:
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
