"""The prompts that a benchmark holds out: 15 % of CASTILLO's ``validate`` split, by hash."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from predictor.data.records import Records

SHARE = 0.15


def held_out(records: Records, seed: int, share: float = SHARE) -> NDArray[np.bool_]:
    """True for the prompts held out (P); seed 0 has the order of ``lengthwise train``."""
    salt = str(seed) if seed else ""
    order = {
        prompt: hashlib.sha256(
            f"{salt}{records.texts[prompt]}".encode(errors="replace")
        ).hexdigest()
        for prompt in np.flatnonzero(records.validate).tolist()
    }
    chosen = sorted(order, key=order.__getitem__)[: round(share * len(order))]
    out = np.zeros(len(records.texts), dtype=np.bool_)
    out[chosen] = True
    return out
