"""Operators of an ONNX graph whose weights are integers.

Products with weights run on integers: weights have a scale for each column, activations a scale
for each tensor at run time. The other operators run in single precision. ``DynamicQuantizeMatMul``
and ``Gelu`` are ONNX Runtime's own operators (https://github.com/microsoft/onnxruntime,
docs/ContribOperators.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from predictor.arrays import Single

_FUSED = "com.microsoft"
_OPSET, _FUSED_OPSET, _IR = 17, 1, 8
_EPSILON = 1e-12
_WEIGHT_LEVELS = 63
"""Weights are rounded to -63..63. A processor without dot products of bytes adds pairs of products
in 16 bits, which larger weights overflow. The smaller range also compresses by an eighth."""
_WORD_LEVELS = 31
"""The word table is rounded to -31..31 by row; a normalisation follows at once."""

_OUTLIER_RATIO = 2.0
"""Largest ratio of a channel's activation peak to the median peak. A channel beyond the ratio is
scaled down to the ratio, and the channel's weights are scaled up. A tensor has one scale: beside a
channel with 20 times the usual peak, the other channels would have a few of 255 levels. As in
SmoothQuant (Xiao et al. 2023, arXiv 2211.10438)."""

_MASKED, _ONE = np.array(-1e4, dtype=np.float32), np.array(1.0, dtype=np.float32)


class Graph:
    """Collects nodes and constants; each method adds a step and returns the output's name.

    ``peaks`` are the result of ``activation_peaks``.
    """

    def __init__(self, peaks: Mapping[str, Single]) -> None:
        self._peaks = peaks
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[np.generic]) -> str:
        """Store an array."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, kind: str, *inputs: str, fused: bool = False, **attributes: Any) -> str:
        """Add an operator with one output."""
        return self.split(kind, *inputs, outputs=1, fused=fused, **attributes)[0]

    def split(
        self, kind: str, *inputs: str, outputs: int, fused: bool = False, **attributes: Any
    ) -> list[str]:
        """Add an operator with several outputs."""
        names = [f"x{len(self._nodes)}_{number}" for number in range(outputs)]
        domain = _FUSED if fused else ""
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names

    def product(self, x: str, weight: Single, bias: Single, name: str = "") -> str:
        """``x @ weight + bias`` on integers; ``weight`` is inputs x outputs.

        ``name`` is the product's name in ``peaks``.
        """
        peaks = self._peaks.get(name)
        if peaks is not None:
            usual = max(_OUTLIER_RATIO * float(np.median(peaks)), 1e-12)
            factor = np.maximum(1.0, peaks / usual)
            x = self.add("Mul", x, self.constant((1 / factor).astype(np.float32)))
            weight = weight * factor[:, None].astype(np.float32)
        scale, rounded = _rounded(weight, axis=0, levels=_WEIGHT_LEVELS)
        names = (self.constant(rounded), self.constant(scale[0]), "", self.constant(bias))
        return self.add("DynamicQuantizeMatMul", x, *names, fused=True)

    def rows(self, table: Single, ids: str) -> str:
        """Rows ``ids`` of ``table``, stored as integers with a scale for each row."""
        scale, rounded = _rounded(table, axis=1, levels=_WORD_LEVELS)
        gathered = self.add("Gather", self.constant(rounded), ids)
        scales = self.add("Gather", self.constant(scale), ids)
        return self.add("Mul", self.add("Cast", gathered, to=TensorProto.FLOAT), scales)

    def norm(self, x: str, gain: Single, bias: Single) -> str:
        """Layer normalisation."""
        names = (self.constant(gain), self.constant(bias))
        return self.add("LayerNormalization", x, *names, axis=-1, epsilon=_EPSILON)

    def masked(self, mask: str) -> str:
        """The summand of attention scores that excludes padding (n x 1 x 1 x t)."""
        marked = self.add("Cast", mask, to=TensorProto.FLOAT)
        padding = self.add(
            "Mul", self.add("Sub", self.constant(_ONE), marked), self.constant(_MASKED)
        )
        return self.add("Unsqueeze", padding, self.constant(np.array([1, 2], dtype=np.int64)))

    def attention(self, parts: Sequence[str], masked: str, heads: int, width: int) -> str:
        """Attention of ``parts``: query (n x u x heads width), key, value (n x t x heads width).

        Uses plain operators: on one core they are faster than the fused operator.
        """
        split = self.constant(np.array([0, 0, heads, width], dtype=np.int64))
        query, key, value = (
            self.add("Transpose", self.add("Reshape", part, split), perm=perm)
            for part, perm in zip(parts, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True)
        )
        query = self.add("Mul", query, self.constant(np.array(width**-0.5, dtype=np.float32)))
        scores = self.add("MatMul", query, key)
        shares = self.add("Softmax", self.add("Add", scores, masked), axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        together = self.constant(np.array([0, 0, heads * width], dtype=np.int64))
        return self.add("Reshape", mixed, together)

    def pairs(self, x: str, mask: str, hidden: int) -> tuple[str, str]:
        """Means of neighbouring tokens (n x t/2 x hidden), and the pairs' mask (n x t/2, int32)."""
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
        """Averages over the tokens with equal and with learned weights (n x 2 hidden)."""
        marked = self.add("Cast", mask, to=TensorProto.FLOAT)
        axis = self.constant(np.array([1], dtype=np.int64))
        count = self.add("ReduceSum", marked, axis, keepdims=1)
        equal = self.add("Div", marked, count)
        scores = self.add("Add", self.add("MatMul", x, self.constant(attend)), self.constant(shift))
        last = self.constant(np.array([2], dtype=np.int64))
        flat = self.add("Squeeze", scores, last)
        real = self.add("Cast", mask, to=TensorProto.BOOL)
        learned = self.add("Softmax", self.add("Where", real, flat, self.constant(_MASKED)), axis=1)
        pooled = [
            self.add("Squeeze", self.add("MatMul", self.add("Unsqueeze", share, axis), x), axis)
            for share in (equal, learned)
        ]
        return self.add("Concat", *pooled, axis=1)

    def head(self, x: str, weight: Single, bias: Single) -> str:
        """``x @ weight + bias`` in single precision."""
        return self.add("Gemm", x, self.constant(weight), self.constant(bias))

    def model(self, output: str, columns: int) -> bytes:
        """The ONNX file of the graph from ``ids`` and ``mask`` (n x t) to ``columns`` (n x C)."""
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
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, _FUSED_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR, producer_name="lengthwise"
        )
        data: bytes = model.SerializeToString()
        return data


def _rounded(values: Single, *, axis: int, levels: int) -> tuple[Single, NDArray[np.int8]]:
    """Integers of at most ``levels``, and the scale of each column (``axis`` 0) or row (1)."""
    largest = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-12)
    scale = (largest / levels).astype(np.float32)
    return scale, np.clip(np.rint(values / scale), -levels, levels).astype(np.int8)
