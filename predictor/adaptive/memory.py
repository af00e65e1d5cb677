"""Memory: running sums of answers for each key, the least recently used forgotten."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.adaptive.keys import NO_KEY
from predictor.arrays import Array

COUNT, TOTAL, SQUARES, EPOCH, FIRST = 0, 1, 2, 3, 4
"""Places in a row: answers (recent ones count more), their sum, the sum of squares around their
mean, the model's epoch when last written; from ``FIRST`` on the sums of the features, if any."""

Row = Sequence[float]

EMPTY: Row = (0.0, 0.0, 0.0, 0.0)


class Memory:
    """Rows of sums by key, at most ``capacity``, about 350 bytes each. Not thread-safe."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"the memory needs a capacity of at least 1 key, got {capacity}")
        self.capacity = capacity
        self._rows: OrderedDict[int, array[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def recall(self, key: int) -> Row:
        """The row of ``key``, ``EMPTY`` if it is not known."""
        return self._rows.get(key, EMPTY)

    def add(
        self,
        key: int,
        value: float,
        features: Sequence[float],
        *,
        weight: float,
        keep: float,
        stale: float,
        epoch: int,
    ) -> None:
        """Count an answer of ``value``; what was there counts ``keep`` times as much as before.

        What was written in another epoch counts ``stale`` times that.
        """
        if key == NO_KEY or weight <= 0:
            return
        row = self._row(key, FIRST + len(features))
        if row[EPOCH] != epoch:
            keep *= stale
        count = keep * row[COUNT]
        squares = keep * row[SQUARES]
        if count > 0:
            step = value - row[TOTAL] / row[COUNT]
            squares += step * step * weight * count / (weight + count)
        row[COUNT] = count + weight
        row[TOTAL] = keep * row[TOTAL] + weight * value
        row[SQUARES] = squares
        row[EPOCH] = epoch
        for at, number in enumerate(features, FIRST):
            row[at] = keep * row[at] + weight * number

    def _row(self, key: int, width: int) -> array[float]:
        """The row of a key, made if it is not there."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = array("d", bytes(8 * width))
            if len(self._rows) > self.capacity:
                self._rows.popitem(last=False)
        else:
            self._rows.move_to_end(key)
        return row

    def keys(self) -> list[int]:
        """All keys, least recently used first."""
        return list(self._rows)

    def keep(self, width: int) -> None:
        """Forget all rows of another width."""
        kept = ((key, row) for key, row in self._rows.items() if len(row) == width)
        self._rows = OrderedDict(kept)

    def copies(self, keys: Sequence[int]) -> dict[int, array[float]]:
        """Copies of the rows of those ``keys`` that are still here."""
        rows = self._rows
        return {key: rows[key][:] for key in keys if key in rows}

    def restore(self, keys: NDArray[np.int64], widths: NDArray[np.int64], rows: Array) -> None:
        """Fill an empty memory: keys, widths of their rows, all rows in a line (the latest fit).

        Raises:
            ValueError: the widths do not add up to the rows.
        """
        if len(keys) != len(widths) or widths.sum() != len(rows) or np.any(widths < FIRST):
            raise ValueError(f"{len(rows)} numbers are not rows of {len(keys)} keys")
        ends = np.cumsum(widths).tolist()
        for at in range(max(0, len(keys) - self.capacity), len(keys)):
            row = rows[ends[at] - int(widths[at]) : ends[at]]
            self._rows[int(keys[at])] = array("d", row.tolist())
