"""The data of the adaptive layer's benchmark: held-out prompts, their answers, and forecasts.

The predictors are trained without the held-out prompts: one predictor on all models, and one
without each model. A training takes 3 to 4 minutes on one busy core, so its
forecasts of the held-out prompts are kept in a folder.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.data import castillo, splits
from predictor.data.records import Records
from predictor.features.definition import feature_hash
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts
from predictor.training.fast import fit

HOLDOUT = 1000
"""Prompts of the ``validate`` split that no predictor of this benchmark is trained on."""

FULL = "full"
_FIELDS = ("location", "scale", "shape", "endless", "inputs")
_BATCH = 100


@dataclass(frozen=True, slots=True)
class AnswerPool:
    """Held-out prompts, with their answers by (model, prompt): tokens, and whether cut."""

    texts: list[str]
    corpus: NDArray[np.str_]
    models: list[str]
    tokens: dict[tuple[int, int], NDArray[np.int64]]
    capped: dict[tuple[int, int], NDArray[np.bool_]]

    def draw(self, model: int, prompt: int, rng: np.random.Generator) -> tuple[int, bool]:
        """One answer at random: its tokens, and whether it was cut."""
        answer = int(rng.integers(len(self.tokens[model, prompt])))
        return int(self.tokens[model, prompt][answer]), bool(self.capped[model, prompt][answer])


@dataclass(frozen=True, slots=True)
class StaticForecasts:
    """A predictor's raw forecasts, without learning: arrays, models x prompts x ..."""

    location: NDArray[np.float64]
    scale: NDArray[np.float64]
    shape: NDArray[np.float64]
    endless: NDArray[np.float64]
    inputs: NDArray[np.float64]

    def one(self, model: int, prompt: int) -> RawForecasts:
        """The raw forecast of one prompt for a model."""
        only = slice(prompt, prompt + 1)
        return RawForecasts(*(getattr(self, field)[model, only] for field in _FIELDS))

    def several(self, model: int, prompts: list[int]) -> RawForecasts:
        """The raw forecasts of several prompts for a model."""
        return RawForecasts(*(getattr(self, field)[model, prompts] for field in _FIELDS))


def split(data: Path) -> tuple[Records, Records]:
    """The records to train on, and the records held out."""
    records = castillo.read_castillo(data)
    out = splits.held_out(records, splits.holdout_threshold(records, HOLDOUT))
    return records.of_prompts(~out), records.of_prompts(out)


def answer_pool(held: Records) -> AnswerPool:
    """The held-out prompts with their answers."""
    tokens: dict[tuple[int, int], list[int]] = defaultdict(list)
    capped: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for prompt, model, length, cut in zip(
        held.prompt.tolist(), held.model.tolist(), held.tokens, held.censored, strict=True
    ):
        tokens[model, prompt].append(int(length))
        capped[model, prompt].append(bool(cut))
    return AnswerPool(
        held.texts,
        held.corpus,
        held.models,
        {key: np.array(values, dtype=np.int64) for key, values in tokens.items()},
        {key: np.array(values, dtype=np.bool_) for key, values in capped.items()},
    )


def static_forecasts(
    work: Path, training: Records, held: Records, left_out: str = ""
) -> StaticForecasts:
    """The forecasts of the predictor trained without the model ``left_out``.

    They are read from the folder ``work``, or made by a training and kept there.
    """
    version = feature_hash()[:8]  # a change of the features changes the predictor
    path = work / version / f"{left_out.replace('/', '__') or FULL}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"training without {left_out or 'nothing'}", file=sys.stderr)
        np.savez(path, **_forecasts(training, held, left_out))  # type: ignore[arg-type]
    with np.load(path) as stored:
        return StaticForecasts(**{name: stored[name].astype(np.float64) for name in _FIELDS})


def _forecasts(training: Records, held: Records, left_out: str) -> dict[str, NDArray[np.float32]]:
    names = [name for name in training.models if name != left_out]
    fitted = fit(training.of_models(names), [], threads=1)
    predictor = fitted.predictor({})
    parts_of = defaultdict(list)
    for model in held.models:
        for start in range(0, len(held.texts), _BATCH):
            prompts = [Prompt(model, text) for text in held.texts[start : start + _BATCH]]
            raw_forecasts = predictor.raw_forecasts(prompts)
            for field in _FIELDS:
                parts_of[field].append(getattr(raw_forecasts, field).astype(np.float32))
    shape = (len(held.models), len(held.texts))
    return {
        field: np.concatenate(parts).reshape(*shape, *parts[0].shape[1:])
        for field, parts in parts_of.items()
    }
