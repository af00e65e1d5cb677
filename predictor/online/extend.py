"""Extending an artefact with models that it meets in traffic only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array
from predictor.fast.inputs import AXIS, OWN, TEXT_ALL, TrainedModels
from predictor.online.censoring import imputed
from predictor.online.parts import LearnedState, Parts
from predictor.online.traffic import Traffic
from predictor.raw_forecast import CAP_TOKENS, RawForecasts
from predictor.training.calibrate import ENDLESS_PRIOR

LEAST_RECORDS = 50
"""Ended answers from which a model is learned."""

MOST_MODELS = 32
"""Models learned from traffic: those with the most records."""

_PRIOR = 10.0  # records that what the forecast said before is worth
_LEAST_SQUARE = 1e-2  # of an axis score: where it hardly varies, its weight stays small
_ROUNDS = 4  # of reweighting and imputing; settles in two or three
_HUBER = 1.5  # robust standard deviations beyond which an answer pulls no harder


def learn_models(base: Parts, current: Parts, traffic: Traffic) -> list[LearnedState]:
    """The models of ``traffic`` that ``base`` does not know; those of ``current`` are kept."""
    found = dict(current.learned)
    ended = Counter(traffic.names[at] for at in traffic.model[traffic.ended])
    for name, count in ended.most_common():
        if name and count >= LEAST_RECORDS and name not in base.models.names:
            found[name] = _learn(base, name, traffic)
    found = {name: known for name, known in found.items() if name not in base.models.names}
    ranked = sorted(found.values(), key=lambda known: (-known.records, known.name))
    return ranked[:MOST_MODELS]


def _learn(base: Parts, name: str, traffic: Traffic) -> LearnedState:
    """Level and axes by regression on the axis scores, shrunk to what was said before.

    They are estimated as those of the models trained on were: from lengths, not from the
    boosters' residuals, because the boosters know a model by its level and answer to it.
    """
    rows = traffic.where(traffic.model == traffic.names.index(name))
    usable = rows.where(rows.tokens < CAP_TOKENS)
    said = base.raw_forecasts(usable)
    design = np.column_stack([np.ones(len(usable)), usable.inputs[:, AXIS]])
    shared = usable.inputs[:, TEXT_ALL] + np.nan_to_num(usable.inputs[:, OWN])
    prior = _ridge(design, said.location - shared)
    fitted = _regress(design, shared, prior, said, usable)
    return LearnedState(
        name=name,
        offset=float(fitted[0]),
        axes=fitted[1:],
        shape=base.arrays["shapes"][: len(base.models.names)].mean(axis=0),
        capped=_rate(base, rows),
        records=len(rows),
    )


def _ridge(design: Array, target: Array) -> Array:
    """Least squares; a penalty of one record keeps prompts that are all alike from blowing up."""
    penalty = np.diag(np.maximum(np.mean(design**2, axis=0), _LEAST_SQUARE))
    normal = design.T @ design + penalty
    return np.asarray(np.linalg.solve(normal, design.T @ target), dtype=np.float64)


def _rate(base: Parts, rows: Traffic) -> float:
    """The rate of answers without end, drawn towards that of all models."""
    ran = int(np.sum(rows.tokens >= CAP_TOKENS))
    return (ran + ENDLESS_PRIOR * float(base.arrays["capped"][-1])) / (len(rows) + ENDLESS_PRIOR)


def _regress(
    design: Array, shared: Array, prior: Array, said: RawForecasts, rows: Traffic
) -> Array:
    """Ridge towards ``prior``, robust (Huber's weights) and with censored lengths imputed."""
    penalty = np.diag(_PRIOR * np.maximum(np.mean(design**2, axis=0), _LEAST_SQUARE))
    logs, location = np.log(rows.tokens), said.location
    fitted = prior
    for _ in range(_ROUNDS):
        target = imputed(logs, rows.censored, location, said.scale, said.shape) - shared
        off = target - design @ fitted
        spread = _HUBER * 1.4826 * float(np.median(np.abs(off))) + 1e-6
        weight = np.minimum(1.0, spread / np.maximum(np.abs(off), 1e-9))
        normal = design.T @ (weight[:, None] * design) + penalty
        step = np.linalg.solve(normal, design.T @ (weight * (target - design @ prior)))
        fitted = np.asarray(prior + step, dtype=np.float64)
        location = shared + design @ fitted
    return fitted


def extended(base: Parts, learned: Sequence[LearnedState]) -> Parts:
    """``base`` that knows the models ``learned`` too; what it says of its own is unchanged."""
    arrays = dict(base.arrays)
    for known in learned:
        relatives = base.models.match(known.name).weights
        arrays |= _with(arrays, base.arrays, known, relatives)
    online = {
        known.name: {"axes": known.axes.tolist(), "records": known.records} for known in learned
    }
    manifest = {
        **base.manifest,
        "models": [*base.manifest["models"], *(known.name for known in learned)],
        "online": {"base": base.lineage, "learned": online},
    }
    models = TrainedModels(manifest["models"], arrays["offsets"])
    named = {known.name: known for known in learned}
    return replace(base, manifest=manifest, arrays=arrays, models=models, learned=named)


def _with(
    arrays: Mapping[str, NDArray[Any]],
    base: Mapping[str, NDArray[Any]],
    model: LearnedState,
    relatives: Array,
) -> dict[str, NDArray[Any]]:
    """The arrays with one model more.

    Its text column is a sum of the others': of its relatives, and of the axes, which are linear
    in the columns of the base's models.
    Its own row of the axes is zero, so that their scores stay what they are.
    """
    turn = base["text_axes"] @ model.axes
    mix = relatives + turn
    bias = float(base["text_bias"][2:] @ mix - base["text_middle"] @ turn)
    words = (base["text_words"][:, 2:].astype(np.float32) @ mix.astype(np.float32))[:, None]
    lexical = (base["text_lexical"][:, 2:] @ mix)[:, None]
    known = len(arrays["offsets"])
    return {
        "text_words": np.hstack([arrays["text_words"], words.astype(arrays["text_words"].dtype)]),
        "text_lexical": np.hstack([arrays["text_lexical"], lexical]),
        "text_bias": np.append(arrays["text_bias"], bias),
        "text_middle": np.append(arrays["text_middle"], 0.0),
        "text_axes": np.vstack([arrays["text_axes"], np.zeros(arrays["text_axes"].shape[1])]),
        "offsets": np.append(arrays["offsets"], model.offset),
        "shapes": np.insert(arrays["shapes"], known, model.shape, axis=0),
        "capped": np.insert(arrays["capped"], known, model.capped),
    }
