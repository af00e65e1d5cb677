"""The level of a model that was not trained on, from what its name says.

A ridge regression of the trained models' effects on log length on family, size and other traits,
beside what is stated of models from before those that may be trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np

from predictor.arrays import Array
from predictor.features.model_names import FAMILIES, traits

TRAITS = 9 + len(FAMILIES)
"""Traits of a name: size, year, either unknown, five marks, and one for each family."""

_MIDDLE_SIZE = 1.0  # log10 of 10e9 parameters; sizes count from here
_MIDDLE_YEAR = 2024.0  # years of release count from here
_EARLY_YEAR, _EARLY, _EARLIEST = 2023.5, 1.0, 2021.0
"""Models released before this year are shorter by so much log length for each year before it.

No data of free licences has such models, so this is stated: just_eval's questions have 148 tokens
in the median from a model of late 2022, 189 to 228 from models of spring 2023, 273 to 304 from
those of summer 2023. Newer ones differ by what training finds. A year before ``_EARLIEST`` counts
as that: nothing is known of such models, and a number in a name may be no year of release."""
_PENALTY = 4.0  # in models: a family known from one model moves the level by a fifth


def trait_vector(name: str) -> Array:
    """The traits of a model's name as numbers (TRAITS)."""
    known = traits(name)
    middles = ((known.size, _MIDDLE_SIZE), (known.year, _MIDDLE_YEAR))
    numbers = [0.0 if isnan(value) else value - middle for value, middle in middles]
    unknown = [isnan(value) for value, _ in middles]
    marks = [known.instruct, known.reasoning, known.base, known.code, known.math]
    families = [family == known.family for family in FAMILIES]
    return np.array([*numbers, *unknown, *marks, *families], dtype=np.float64)


def fit_levels(names: Sequence[str], effects: Array, weights: Array) -> Array:
    """Weights (TRAITS + 1, the constant last) for the effects of n models on log length.

    ``effects`` and ``weights`` (n) are each model's effect and how much it counts, about 1.
    """
    rows = np.column_stack([[trait_vector(name) for name in names], np.ones(len(names))])
    beyond = effects - np.array([_early(name) for name in names])
    penalty = np.diag([*[_PENALTY] * TRAITS, 0.1])
    normal = rows.T @ (weights[:, None] * rows) + penalty
    return np.asarray(np.linalg.solve(normal, rows.T @ (weights * beyond)), dtype=np.float64)


def level(name: str, weights: Array) -> float:
    """The effect on log length that the name's traits let expect."""
    return float(trait_vector(name) @ weights[:-1] + weights[-1]) + _early(name)


def _early(name: str) -> float:
    """What the years of early models add to log length: 0 or less."""
    return -_EARLY * float(early_years(np.array(traits(name).year)))


def early_years(year: Array) -> Array:
    """By how many years models were released before those trained on (n); NaN counts as 0.

    ``year`` (n; NaN: unknown) are the years of release.
    """
    counted = np.where(np.isnan(year), _EARLY_YEAR, np.maximum(year, _EARLIEST))
    return np.asarray(np.maximum(0.0, _EARLY_YEAR - counted))
