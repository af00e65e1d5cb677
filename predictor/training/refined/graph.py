"""The encoder as an ONNX graph with integer weights, built operator by operator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from predictor.arrays import Single
from predictor.training.refined.operators import Graph


def build(
    weights: Mapping[str, Single],
    *,
    heads: int,
    unpaired_layers: int,
    peaks: Mapping[str, Single] | None = None,
) -> bytes:
    """The ONNX file of a ``Net`` with these ``weights``, by their names in its state.

    ``heads`` and ``unpaired_layers`` as in ``Size``; ``peaks`` as in ``activation_peaks``.
    """
    graph = Graph(peaks or {})
    x = graph.rows(weights["words.weight"], "ids")
    length = graph.add("Shape", "ids", start=1, end=2)
    zero = graph.constant(np.array([0], dtype=np.int64))
    positions = graph.add("Slice", graph.constant(weights["positions.weight"]), zero, length)
    x = graph.norm(graph.add("Add", x, positions), *_pair(weights, "norm"))
    mask, number = "mask", 0
    while f"layers.{number}.qkv.weight" in weights:
        prefix, masked = f"layers.{number}.", graph.masked(mask)
        states = x
        if number == unpaired_layers:
            states, mask = graph.pairs(x, mask, weights["words.weight"].shape[1])
        x = _layer(graph, weights, prefix, (x, states, masked), heads)
        number += 1
    attend, shift = _pair(weights, "attend")
    x = graph.pool(x, mask, attend.T, shift)
    weight, bias = _pair(weights, "head")
    return graph.model(graph.head(x, weight.T, bias), len(bias))


def _layer(
    graph: Graph,
    weights: Mapping[str, Single],
    prefix: str,
    inputs: tuple[str, str, str],
    heads: int,
) -> str:
    """One layer; ``inputs`` are the tokens, the states to update (tokens or pairs), the mask."""
    x, states, masked = inputs

    def product(operand: str, name: str) -> str:
        weight, bias = _pair(weights, prefix + name)
        return graph.product(operand, weight.T, bias, prefix + name)

    weight, bias = _pair(weights, f"{prefix}qkv")
    width = len(bias) // 3
    if states == x:
        parts = _cut(graph, graph.product(x, weight.T, bias), width, 3)
    else:
        query = graph.product(states, weight[:width].T, bias[:width])
        key_value = graph.product(x, weight[width:].T, bias[width:])
        parts = [query, *_cut(graph, key_value, width, 2)]
    mixed = product(graph.attention(parts, masked, heads, width // heads), "out")
    x = graph.norm(graph.add("Add", mixed, states), *_pair(weights, f"{prefix}norm"))
    inner = graph.add("Gelu", product(x, "up"), fused=True)
    output = graph.add("Add", product(inner, "down"), x)
    return graph.norm(output, *_pair(weights, f"{prefix}last"))


def _cut(graph: Graph, x: str, width: int, count: int) -> list[str]:
    sizes = graph.constant(np.full(count, width, dtype=np.int64))
    return graph.split("Split", x, sizes, outputs=count, axis=2)


def _pair(weights: Mapping[str, Single], name: str) -> tuple[Single, Single]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]
