"""Running sums of answers by key, with the least recently used keys dropped."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.adaptive.keys import NO_KEY
from predictor.arrays import Array

COUNT, TOTAL, SQUARES, EPOCH, FIRST = 0, 1, 2, 3, 4
"""Columns of a row: number of answers (recent answers count more), sum of the values, sum of the
squares around the mean value, epoch of the model at the last write; from ``FIRST`` on, the sums of
the features."""

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

    def get(self, key: int) -> Row:
        """The row of ``key``; ``EMPTY`` for an unknown key."""
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
        """Add an answer of ``value`` to the row of ``key``.

        The weight of earlier answers is multiplied by ``keep``, and by ``stale`` as well if the row
        was last written in another ``epoch``.
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
        for column, feature in enumerate(features, FIRST):
            row[column] = keep * row[column] + weight * feature

    def _row(self, key: int, width: int) -> array[float]:
        """The row of a key; made if absent."""
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

    def keep_width(self, width: int) -> None:
        """Drop all rows that do not have ``width`` columns."""
        kept = ((key, row) for key, row in self._rows.items() if len(row) == width)
        self._rows = OrderedDict(kept)

    def take_over(self, other: Memory) -> None:
        """Take over the rows of ``other``, which count as the latest; its row of a key prevails."""
        self._rows.update(other._rows)
        for key in other._rows:
            self._rows.move_to_end(key)
        for _ in range(len(self) - self.capacity):
            self._rows.popitem(last=False)

    def copies(self, keys: Sequence[int]) -> dict[int, array[float]]:
        """Copies of the rows of ``keys``; dropped keys are left out."""
        rows = self._rows
        return {key: rows[key][:] for key in keys if key in rows}

    def restore(self, keys: NDArray[np.int64], widths: NDArray[np.int64], rows: Array) -> None:
        """Fill an empty memory from ``keys``, the ``widths`` of their rows and the joined ``rows``.

        If there are more keys than ``capacity``, the latest are kept.

        Raises:
            ValueError: the widths do not add up to the rows.
        """
        if len(keys) != len(widths) or widths.sum() != len(rows) or np.any(widths < FIRST):
            raise ValueError(f"{len(rows)} numbers are not rows of {len(keys)} keys")
        ends = np.cumsum(widths).tolist()
        for index in range(max(0, len(keys) - self.capacity), len(keys)):
            row = rows[ends[index] - int(widths[index]) : ends[index]]
            self._rows[int(keys[index])] = array("d", row.tolist())
