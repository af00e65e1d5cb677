"""The encoder as an ONNX graph with weights in whole numbers, built operator by operator.

Products with weights run on integers (weights scaled by column, activations as they appear), the
rest in single precision. ``DynamicQuantizeMatMul`` and ``Gelu`` are ONNX Runtime's own operators
(https://github.com/microsoft/onnxruntime, docs/ContribOperators.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from predictor.arrays import Single

FUSED = "com.microsoft"
_OPSET, _FUSED_OPSET, _IR = 17, 1, 8
_EPSILON = 1e-12
_WEIGHT = 63
"""Weights are rounded to -63..63. A processor without dot products of bytes adds pairs of them up
in 16 bits, which larger ones overflow; and they compress to an eighth less."""
_WORD = 31
"""The words' table is rounded to -31..31 of a row's largest: a normalisation follows at once."""

_TOWERING = 2.0
"""Channels of activations that get larger than so many times the usual are rounded by a scale of
their own: a tensor has one scale, and a single channel of 20 times the others' size would leave
these a few levels of 255. As SmoothQuant does (Xiao et al. 2023, arXiv 2211.10438)."""

_NEVER, _ONE = np.array(-1e4, dtype=np.float32), np.array(1.0, dtype=np.float32)


class Graph:
    """Collects nodes and constants; each method adds one step and returns its output's name.

    ``peaks`` as in ``peaks.peaks``.
    """

    def __init__(self, peaks: Mapping[str, Single]) -> None:
        self._peaks = peaks
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[np.generic]) -> str:
        """A stored array."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, kind: str, *inputs: str, fused: bool = False, **attributes: Any) -> str:
        """One operator with one output."""
        return self.split(kind, *inputs, outputs=1, fused=fused, **attributes)[0]

    def split(
        self, kind: str, *inputs: str, outputs: int, fused: bool = False, **attributes: Any
    ) -> list[str]:
        """One operator with several outputs."""
        names = [f"x{len(self._nodes)}_{at}" for at in range(outputs)]
        domain = FUSED if fused else ""
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names

    def product(self, x: str, weight: Single, bias: Single, name: str = "") -> str:
        """``x @ weight + bias`` on integers; ``weight`` is inputs x outputs, ``name`` its own."""
        peaks = self._peaks.get(name)
        if peaks is not None:
            most = np.maximum(1.0, peaks / max(_TOWERING * float(np.median(peaks)), 1e-12))
            x = self.add("Mul", x, self.constant((1 / most).astype(np.float32)))
            weight = weight * most[:, None].astype(np.float32)
        scale, rounded = _rounded(weight, axis=0, most=_WEIGHT)
        names = (self.constant(rounded), self.constant(scale[0]), "", self.constant(bias))
        return self.add("DynamicQuantizeMatMul", x, *names, fused=True)

    def rows(self, table: Single, ids: str) -> str:
        """Rows ``ids`` of ``table``, stored as integers with a scale for each row."""
        scale, rounded = _rounded(table, axis=1, most=_WORD)
        found = self.add("Gather", self.constant(rounded), ids)
        scales = self.add("Gather", self.constant(scale), ids)
        return self.add("Mul", self.add("Cast", found, to=TensorProto.FLOAT), scales)

    def norm(self, x: str, gain: Single, bias: Single) -> str:
        """Layer normalisation."""
        names = (self.constant(gain), self.constant(bias))
        return self.add("LayerNormalization", x, *names, axis=-1, epsilon=_EPSILON)

    def masked(self, mask: str) -> str:
        """What keeps tokens from attending to padding: added to their likeness (n x 1 x 1 x t)."""
        marked = self.add("Cast", mask, to=TensorProto.FLOAT)
        beyond = self.add(
            "Mul", self.add("Sub", self.constant(_ONE), marked), self.constant(_NEVER)
        )
        return self.add("Unsqueeze", beyond, self.constant(np.array([1, 2], dtype=np.int64)))

    def attention(self, parts: Sequence[str], masked: str, heads: int, width: int) -> str:
        """Attention of queries (n x u x heads width) to keys of values (n x t x heads width).

        ``parts`` are those three. In plain operators: on one core that is faster than the fused.
        """
        split = self.constant(np.array([0, 0, heads, width], dtype=np.int64))
        query, key, value = (
            self.add("Transpose", self.add("Reshape", part, split), perm=perm)
            for part, perm in zip(parts, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True)
        )
        query = self.add("Mul", query, self.constant(np.array(width**-0.5, dtype=np.float32)))
        likeness = self.add("MatMul", query, key)
        shares = self.add("Softmax", self.add("Add", likeness, masked), axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        together = self.constant(np.array([0, 0, heads * width], dtype=np.int64))
        return self.add("Reshape", mixed, together)

    def pairs(self, x: str, mask: str, hidden: int) -> tuple[str, str]:
        """Means of neighbouring tokens (n x t/2 x hidden), and which have one (n x t/2, int32)."""
        last = self.constant(np.array([2], dtype=np.int64))
        couples = self.constant(np.array([0, -1, 2], dtype=np.int64))
        each = self.add("Reshape", self.add("Cast", mask, to=TensorProto.FLOAT), couples)
        count = self.add("ReduceSum", each, last, keepdims=1)
        share = self.add("Div", each, self.add("Max", count, self.constant(_ONE)))
        single = self.constant(np.array([0, -1, 1], dtype=np.int64))
        shares = self.add("Reshape", share, single)
        beside = self.constant(np.array([0, -1, 2 * hidden], dtype=np.int64))
        both = self.add("Reshape", self.add("Mul", x, shares), beside)
        sizes = self.constant(np.array([hidden, hidden], dtype=np.int64))
        mean = self.add("Add", *self.split("Split", both, sizes, outputs=2, axis=2))
        real = self.add("Squeeze", self.add("Min", count, self.constant(_ONE)), last)
        return mean, self.add("Cast", real, to=TensorProto.INT32)

    def pool(self, x: str, mask: str, attend: Single, shift: Single) -> str:
        """Even and learned averages over the tokens, side by side (n x 2 hidden)."""
        marked = self.add("Cast", mask, to=TensorProto.FLOAT)
        axis = self.constant(np.array([1], dtype=np.int64))
        count = self.add("ReduceSum", marked, axis, keepdims=1)
        even = self.add("Div", marked, count)
        scores = self.add("Add", self.add("MatMul", x, self.constant(attend)), self.constant(shift))
        last = self.constant(np.array([2], dtype=np.int64))
        flat = self.add("Squeeze", scores, last)
        real = self.add("Cast", mask, to=TensorProto.BOOL)
        learned = self.add("Softmax", self.add("Where", real, flat, self.constant(_NEVER)), axis=1)
        pooled = [
            self.add("Squeeze", self.add("MatMul", self.add("Unsqueeze", share, axis), x), axis)
            for share in (even, learned)
        ]
        return self.add("Concat", *pooled, axis=1)

    def head(self, x: str, weight: Single, bias: Single) -> str:
        """``x @ weight + bias`` in single precision."""
        return self.add("Gemm", x, self.constant(weight), self.constant(bias))

    def model(self, output: str, columns: int) -> bytes:
        """The whole as an ONNX file: ``ids``, ``mask`` (n x t) to ``columns`` (n x columns)."""
        self._nodes.append(helper.make_node("Identity", [output], ["columns"]))
        graph = helper.make_graph(
            self._nodes,
            "lengthwise-encoder",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "t"]),
                helper.make_tensor_value_info("mask", TensorProto.INT32, ["n", "t"]),
            ],
            [helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["n", columns])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(FUSED, _FUSED_OPSET)]
        made = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR, producer_name="lengthwise"
        )
        data: bytes = made.SerializeToString()
        return data


def build(
    weights: Mapping[str, Single],
    *,
    heads: int,
    whole: int,
    peaks: Mapping[str, Single] | None = None,
) -> bytes:
    """The graph of a ``net.Net`` with these ``weights`` (named as in its state).

    ``heads`` and ``whole`` as in its ``Size``, ``peaks`` as in ``peaks.peaks``.
    """
    made = Graph(peaks or {})
    x = made.rows(weights["words.weight"], "ids")
    length = made.add("Shape", "ids", start=1, end=2)
    zero = made.constant(np.array([0], dtype=np.int64))
    places = made.add("Slice", made.constant(weights["places.weight"]), zero, length)
    x = made.norm(made.add("Add", x, places), *_pair(weights, "norm"))
    mask, layer = "mask", 0
    while f"layers.{layer}.qkv.weight" in weights:
        prefix, masked = f"layers.{layer}.", made.masked(mask)
        asking = x
        if layer == whole:
            asking, mask = made.pairs(x, mask, weights["words.weight"].shape[1])
        x = _layer(made, weights, prefix, (x, asking, masked), heads)
        layer += 1
    attend, shift = _pair(weights, "attend")
    x = made.pool(x, mask, attend.T, shift)
    weight, bias = _pair(weights, "head")
    return made.model(made.head(x, weight.T, bias), len(bias))


def _layer(
    made: Graph,
    weights: Mapping[str, Single],
    prefix: str,
    inputs: tuple[str, str, str],
    heads: int,
) -> str:
    """One layer of ``inputs``: the tokens, what asks (they, or their pairs), and the mask."""
    x, asking, masked = inputs

    def product(of: str, name: str) -> str:
        weight, bias = _pair(weights, prefix + name)
        return made.product(of, weight.T, bias, prefix + name)

    weight, bias = _pair(weights, f"{prefix}qkv")
    width = len(bias) // 3
    if asking == x:
        parts = _cut(made, made.product(x, weight.T, bias), width, 3)
    else:
        query = made.product(asking, weight[:width].T, bias[:width])
        parts = [query, *_cut(made, made.product(x, weight[width:].T, bias[width:]), width, 2)]
    mixed = product(made.attention(parts, masked, heads, width // heads), "out")
    x = made.norm(made.add("Add", mixed, asking), *_pair(weights, f"{prefix}norm"))
    inner = made.add("Gelu", product(x, "up"), fused=True)
    return made.norm(made.add("Add", product(inner, "down"), x), *_pair(weights, f"{prefix}last"))


def _rounded(values: Single, *, axis: int, most: int) -> tuple[Single, NDArray[np.int8]]:
    """A scale for each column (``axis`` 0) or row (1), and whole numbers that it multiplies."""
    largest = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-12)
    scale = (largest / most).astype(np.float32)
    return scale, np.clip(np.rint(values / scale), -most, most).astype(np.int8)


def _cut(made: Graph, x: str, width: int, count: int) -> list[str]:
    sizes = made.constant(np.full(count, width, dtype=np.int64))
    return made.split("Split", x, sizes, outputs=count, axis=2)


def _pair(weights: Mapping[str, Single], name: str) -> tuple[Single, Single]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]
