"""Splits of prompts that anyone can recompute from the texts alone."""

from __future__ import annotations

import hashlib

import numpy as np

from predictor.arrays import Flags, Indices
from predictor.data.records import Records


def digest(text: str) -> str:
    """The SHA-256 of the text's UTF-8 bytes in hexadecimal, by which splits order prompts."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def holdout_threshold(records: Records, count: int) -> str:
    """The digest up to which ``count`` prompts of ``validate`` are held out; "" holds out none.

    At most half of the ``validate`` prompts are held out. Two corpora of CASTILLO have all their
    prompts in that split; without the bound, the measured model could lack both corpora.
    """
    ordered = sorted(
        digest(text) for text, out in zip(records.texts, records.validate, strict=True) if out
    )
    count = min(count, len(ordered) // 2)
    return ordered[count - 1] if count > 0 else ""


def held_out(records: Records, threshold: str) -> Flags:
    """Which prompts (P) are held out of training: ``validate`` with a digest <= ``threshold``."""
    small = np.array([digest(text) <= threshold for text in records.texts], dtype=np.bool_)
    return np.asarray(small & records.validate)


def folds(texts: list[str], count: int) -> Indices:
    """A fold (0..count-1) for each prompt, from its digest's end; equal texts share a fold."""
    return np.array([int(digest(text)[-8:], 16) % count for text in texts], dtype=np.intp)
