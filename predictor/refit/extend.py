"""Extension of an artefact by models that occur in traffic only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array
from predictor.fast.inputs import AXIS, OWN, TEXT_ALL, THINKING, TrainedModels
from predictor.fast.learned_words import STORED
from predictor.fast.location import with_thinking, without_thinking
from predictor.raw_forecast import RawForecasts
from predictor.refit.censoring import impute_from_forecast
from predictor.refit.editable import EditableArtefact, LearnedModel
from predictor.refit.traffic import LoggedTraffic
from predictor.training.interval_calibration import ENDLESS_PRIOR

LEAST_RECORDS = 50
"""Ended answers of a model that are needed to learn the model."""

MOST_MODELS = 32
"""The largest number of learned models; those with the most records are kept."""

_PRIOR = 10.0  # weight of the base's forecast, in records
_LEAST_SQUARE = 1e-2  # least mean square in a penalty: an axis near 0 gets a small weight
_ROUNDS = 4  # of reweighting and imputation; two or three suffice
_HUBER = 1.5  # robust standard deviations beyond which a residual's pull is constant
_MAD_TO_SIGMA = 1.4826  # standard deviation of a normal distribution / median absolute deviation


def learn_models(
    base: EditableArtefact, current: EditableArtefact, traffic: LoggedTraffic
) -> list[LearnedModel]:
    """The models of ``traffic`` that ``base`` does not know, and those learned by ``current``.

    A model with enough records in ``traffic`` is learned again.
    """
    learned = dict(current.learned)
    ended = Counter(traffic.names[index] for index in traffic.model[traffic.ended])
    for name, count in ended.most_common():
        if name and count >= LEAST_RECORDS and name not in base.models.names:
            learned[name] = _learn(base, name, traffic)
    new = [model for name, model in learned.items() if name not in base.models.names]
    return sorted(new, key=lambda model: (-model.records, model.name))[:MOST_MODELS]


def _learn(base: EditableArtefact, name: str, traffic: LoggedTraffic) -> LearnedModel:
    """Offset and axes by regression of log lengths on the axis scores.

    The regression is shrunk towards the forecast of ``base``. The target is the log length, as for
    the models trained on. A residual of the boosters would not give the offset, because the
    boosters read a model's offset.
    """
    rows = traffic.where(traffic.model == traffic.names.index(name))
    usable = rows.where(~rows.endless)
    forecasts = base.raw_forecasts(usable)
    design = np.column_stack([np.ones(len(usable)), usable.inputs[:, AXIS]])
    shared = usable.inputs[:, TEXT_ALL] + np.nan_to_num(usable.inputs[:, OWN])
    effort = np.nan_to_num(usable.inputs[:, THINKING])
    prior = _least_squares(design, without_thinking(forecasts.location, effort) - shared)
    fitted = _robust_ridge(design, shared, prior, forecasts, usable)
    return LearnedModel(
        name=name,
        offset=float(fitted[0]),
        axes=fitted[1:],
        shape=base.arrays["shapes"][: len(base.models.names)].mean(axis=0),
        endless_rate=_endless_rate(base, rows),
        records=len(rows),
    )


def _least_squares(design: Array, target: Array) -> Array:
    """Least squares with a penalty of one record; equal prompts have a solution as well."""
    penalty = np.diag(np.maximum(np.mean(design**2, axis=0), _LEAST_SQUARE))
    normal = design.T @ design + penalty
    return np.asarray(np.linalg.solve(normal, design.T @ target), dtype=np.float64)


def _endless_rate(base: EditableArtefact, rows: LoggedTraffic) -> float:
    """The share of endless answers, drawn towards the rate of all models."""
    endless = int(np.sum(rows.endless))
    overall = float(base.arrays["capped"][-1])
    return (endless + ENDLESS_PRIOR * overall) / (len(rows) + ENDLESS_PRIOR)


def _robust_ridge(
    design: Array, shared: Array, prior: Array, forecasts: RawForecasts, rows: LoggedTraffic
) -> Array:
    """Ridge towards ``prior`` with Huber's weights; censored lengths are imputed.

    ``shared`` (n, log tokens) is the part of the log length that the regression does not change.
    """
    penalty = np.diag(_PRIOR * np.maximum(np.mean(design**2, axis=0), _LEAST_SQUARE))
    logs, location = np.log(rows.tokens), forecasts.location
    effort, fitted = np.nan_to_num(rows.inputs[:, THINKING]), prior
    for _ in range(_ROUNDS):
        imputed = impute_from_forecast(
            logs, rows.censored, location, forecasts.scale, forecasts.shape
        )
        target = without_thinking(imputed, effort) - shared
        residual = np.abs(target - design @ fitted)
        bound = _HUBER * _MAD_TO_SIGMA * float(np.median(residual)) + 1e-6
        weight = np.minimum(1.0, bound / np.maximum(residual, 1e-9))
        normal = design.T @ (weight[:, None] * design) + penalty
        step = np.linalg.solve(normal, design.T @ (weight * (target - design @ prior)))
        fitted = np.asarray(prior + step, dtype=np.float64)
        location = with_thinking(shared + design @ fitted, effort)
    return fitted


def with_models(base: EditableArtefact, learned: Sequence[LearnedModel]) -> EditableArtefact:
    """``base`` with the models ``learned``, without learned words.

    The forecasts for the models of ``base`` stay.
    """
    arrays = {name: array for name, array in base.arrays.items() if name != STORED}
    for model in learned:
        relatives = base.models.match(model.name).weights
        arrays |= _with_model(arrays, base.arrays, model, relatives)
    entries = {
        model.name: {"axes": model.axes.tolist(), "records": model.records} for model in learned
    }
    manifest = {
        **base.manifest,
        "models": [*base.manifest["models"], *(model.name for model in learned)],
        "online": {"base": base.lineage, "learned": entries},
    }
    models = TrainedModels(manifest["models"], arrays["offsets"], arrays["levels"])
    by_name = {model.name: model for model in learned}
    return replace(
        base, manifest=manifest, arrays=arrays, models=models, learned=by_name, words=None
    )


def _with_model(
    arrays: Mapping[str, NDArray[Any]],
    base: Mapping[str, NDArray[Any]],
    model: LearnedModel,
    relatives: Array,
) -> dict[str, NDArray[Any]]:
    """The ``arrays`` with one more model.

    The model's text column is the weighted sum of the columns of the model's ``relatives`` (M of
    ``base``) and of the axes, which are linear in the columns of ``base``. The model's row of the
    axes is zero, so that the axis scores do not change.
    """
    along_axes = base["text_axes"] @ model.axes
    mix = relatives + along_axes
    bias = float(base["text_bias"][2:] @ mix - base["text_middle"] @ along_axes)
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
        "capped": np.insert(arrays["capped"], known, model.endless_rate),
    }
