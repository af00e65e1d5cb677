"""Splits of prompts that anyone can recompute from the texts alone."""

from __future__ import annotations

import hashlib

import numpy as np

from predictor.arrays import Flags, Indices
from predictor.data.kinds.licences import SOURCES as KINDS
from predictor.data.records import Records

_QUARTER = "4"  # digests are hexadecimal: a quarter of them begin with a smaller figure
_BELOW_ALL = "!"


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


def threshold_for(records: Records, holdout: float) -> str:
    """The threshold for ``holdout``: a share (below 1) or a count of the ``validate`` prompts.

    Where there are only other kinds of traffic, it is below all digests: any ``holdout`` above 0
    holds out their quarter.
    """
    count = holdout * int(records.validate.sum()) if holdout < 1 else holdout
    if holdout and np.isin(records.corpus, list(KINDS)).all():
        return _BELOW_ALL
    return holdout_threshold(records, round(count))


def held_out(records: Records, threshold: str) -> Flags:
    """Which prompts (P) are held out of training; none if ``threshold`` is "".

    These are the prompts of ``validate`` with a digest <= ``threshold``. Of the prompts of other
    kinds of traffic (``KINDS``), it is a quarter of the groups of near-duplicates, by the second
    digest of each group's leader; a group that has prompts of CASTILLO too is held out if one of
    them is.
    """
    if not threshold:
        return np.zeros(len(records.prompts), dtype=np.bool_)
    kinds = np.isin(records.corpus, list(KINDS))
    small = np.array([digest(text) <= threshold for text in records.texts], dtype=np.bool_)
    plain = small & records.validate & ~kinds
    group = np.unique(records.group, return_inverse=True)[1]
    mixed, leaks = np.bincount(group, ~kinds) > 0, np.bincount(group, plain) > 0
    drawn = np.array([digest(digest(text)) < _QUARTER for text in _leaders(records)], np.bool_)
    others = np.where(mixed[group], leaks[group], drawn)
    return np.asarray(np.where(kinds, others, plain), dtype=np.bool_)


def folds(records: Records, count: int) -> Indices:
    """A fold (0..count-1) for each prompt (P); all prompts of a group share a fold.

    The fold is the end of the digest of the group's leader.
    """
    return text_folds(_leaders(records), count)


def text_folds(texts: list[str], count: int) -> Indices:
    """A fold (0..count-1) for each text, from its digest's end; equal texts share a fold."""
    return np.array([int(digest(text)[-8:], 16) % count for text in texts], dtype=np.intp)


def _leaders(records: Records) -> list[str]:
    """The subject with the smallest digest in each prompt's group (P)."""
    digests = [digest(text) for text in records.subjects]
    leader: dict[int, int] = {}
    for index in sorted(range(len(digests)), key=digests.__getitem__):
        leader.setdefault(int(records.group[index]), index)
    return [records.subjects[leader[int(group)]] for group in records.group]
