"""Which answers of a set are read: few of one model's fine-tunes, and the same ones every time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.data.kinds.models import base

SAMPLES = 6
"""Answers that are read of one model to one request, at most."""

_FEW = 3  # models of one base that count in full; more of them share that weight
_SHARE = 0.5  # CASTILLO's answers weigh 1 each: its prompts have answers of more models
_MOST = 8_000.0  # answers that a whole set weighs, at most; CASTILLO's answers weigh 1 each

Names = NDArray[np.object_]


def rank(text: str) -> str:
    """A random-looking but fixed order of texts."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def spread(models: Sequence[str]) -> list[str]:
    """The models in an order whose every beginning is spread evenly over base models."""
    by_base: dict[str, list[str]] = {}
    for name in sorted(models, key=rank):
        by_base.setdefault(base(name), []).append(name)
    rounds = zip_longest(*(by_base[key] for key in sorted(by_base, key=rank)))
    return [name for entry in rounds for name in entry if name is not None]


def of_models(names: Names, prompts: Names, free: Flags, most: int) -> Flags:
    """Which rows (n) to read so that a prompt has some ``most`` models.

    Half of the models are the same for all prompts, so that there is much about each of them; the
    others change from prompt to prompt. Models with ``free`` rows make up one half, if there are
    enough.
    """
    keep = np.zeros(len(names), dtype=np.bool_)
    for part in (free, ~free):
        keep[part] = _of_some_models(names[part], prompts[part], most // 2)
    return keep


def _of_some_models(names: Names, prompts: Names, most: int) -> Flags:
    order = spread(list(set(names)))
    if len(order) <= most:
        return np.ones(len(names), dtype=np.bool_)
    always = set(order[: most // 2])
    share = (most - len(always)) / (len(order) - len(always))
    limit = f"{int(share * 16**8):08x}"
    return np.array(
        [m in always or rank(f"{m}\n{p}") < limit for m, p in zip(names, prompts, strict=True)],
        dtype=np.bool_,
    )


def first_samples(cells: Sequence[Hashable], keep: Flags, most: int = SAMPLES) -> Flags:
    """Which of the rows marked in ``keep`` (n) are among the first ``most`` of their cell."""
    seen: Counter[Hashable] = Counter()
    first = []
    for at in np.flatnonzero(keep).tolist():
        seen[cells[at]] += 1
        first.append(seen[cells[at]] <= most)
    return np.array(first, dtype=np.bool_)


def smallest(keys: Names, most: int) -> Flags:
    """Which rows (n) have one of the ``most`` distinct keys that come first by ``rank``."""
    chosen = set(sorted(set(keys), key=rank)[:most])
    return np.array([key in chosen for key in keys], dtype=np.bool_)


def of_each(names: Names, keys: Names, most: int) -> Flags:
    """Which rows (n) are, by the ``rank`` of their keys, among the first ``most`` of their name."""
    order = np.argsort([rank(key) for key in keys], kind="stable")
    keep = np.zeros(len(keys), dtype=np.bool_)
    keep[order] = first_samples(names[order].tolist(), np.ones(len(keys), dtype=np.bool_), most)
    return keep


def weights(models: Sequence[str], prompt: Indices, model: Indices) -> Array:
    """The weight of each answer (n): base models share theirs, and a set has a most.

    ``prompt`` and ``model`` (n) are the indices of each answer's prompt and of its model in
    ``models``.
    """
    bases = np.unique([base(name) for name in models], return_inverse=True)[1]
    cells = np.unique(np.stack([prompt, model]), axis=1)
    key = cells[0] * (bases.max() + 1) + bases[cells[1]]
    shared, count = np.unique(key, return_counts=True)
    rows = np.searchsorted(shared, prompt * (bases.max() + 1) + bases[model])
    weight = np.minimum(1.0, _FEW / count[rows])
    return np.asarray(_SHARE * weight * min(1.0, _MOST / float(weight.sum())))
