"""Splits of prompts that anyone can recompute from the texts alone."""

from __future__ import annotations

import hashlib

import numpy as np

from predictor.arrays import Flags, Indices
from predictor.data.records import Records


def digest(text: str) -> str:
    """What orders prompts: SHA-256 of the text, so that anyone can recompute a split."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def holdout_rule(records: Records, count: int) -> str:
    """The digest up to which a ``validate`` prompt is held out; "" holds out none.

    At most half of the ``validate`` prompts: two corpora occur in no other split, and a model
    that has seen none of them is not the one to measure.
    """
    ordered = sorted(
        digest(text) for text, out in zip(records.texts, records.validate, strict=True) if out
    )
    count = min(count, len(ordered) // 2)
    return ordered[count - 1] if count > 0 else ""


def held_out(records: Records, threshold: str) -> Flags:
    """Which prompts the rule keeps out of training: ``validate`` and digest <= threshold."""
    small = np.array([digest(text) <= threshold for text in records.texts], dtype=np.bool_)
    return np.asarray(small & records.validate)


def folds(texts: list[str], count: int) -> Indices:
    """A fold (0..count-1) for each prompt by its digest's end: equal texts stay together."""
    return np.array([int(digest(text)[-8:], 16) % count for text in texts], dtype=np.intp)
