"""Delay: how long it takes a decision of the gateway to reach the engine, read from what came.

An engine begins its next step as soon as one ends. What the gateway sends because an answer ended
comes too late for that step, so that each place and each piece of memory that is handed on stays
empty for a step. A replay without any delay fills the engine better than the gateway can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gateway.replay.engine_run import Rows, actual
from gateway.replay.pools import LEAST_DELAY_S
from gateway.replay.seen import Seen

FEWEST = 30
"""Streamed answers from which on the delay is read from them."""

QUICK = 0.1
"""Quantile that is compared: an answer that starts as soon as it can tells of the way alone, one
that waits in the engine of much else."""


def delay(rows: Rows, seen: Sequence[Seen]) -> float:
    """Seconds from a decision to the engine, and from the engine back.

    ``rows`` are those of a replay with the least delay: what the first token took longer after the
    dispatch than there is added to it.
    """
    pairs = [
        (actual(seen[index]).start, row.start)
        for index, row in rows.items()
        if seen[index].measured and not math.isnan(row.start)
    ]
    if len(pairs) < FEWEST:
        return LEAST_DELAY_S
    came, replayed = np.quantile(np.array(pairs), QUICK, axis=0)
    return LEAST_DELAY_S + max(0.0, float(came - replayed))
