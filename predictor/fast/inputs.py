"""The boosters' inputs: features of the prompt's text, and the match of the requested model.

A model that was trained on is ``known``. An unseen model of a known family is ``related`` and
starts from its relatives. Any other model is ``generic``: the columns of the model are NaN. The
boosters are trained on rows of all three routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, isnan, nan

import numpy as np

from predictor.arrays import Array, Indices
from predictor.fast.text_model import ALL, AXES, SHARED
from predictor.features.definition import CONTEXT_NAMES, LEXICAL_NAMES, TextFeatures
from predictor.features.model_names import canonical, traits

KNOWN, RELATED, GENERIC = 0, 1, 2
ROUTES = ("known", "related", "generic")
"""How a predictor knows a model, and the name of each route; see the module's docstring."""

COLUMNS: tuple[str, ...] = (
    *LEXICAL_NAMES,
    *CONTEXT_NAMES,
    "text_words",
    "text_all",
    *(f"text_axis_{axis}" for axis in range(AXES)),
    "model_offset",
    "text_own",
    "model_route",
)
"""The columns of the boosters' inputs, in order."""

LIMIT = LEXICAL_NAMES.index("asked_limit")
"""The column of a stated limit, in the lexical features and in the boosters' inputs."""

TEXT_ALL = COLUMNS.index("text_all")
AXIS = [COLUMNS.index(f"text_axis_{axis}") for axis in range(AXES)]
OFFSET, OWN, ROUTE = (COLUMNS.index(f) for f in ("model_offset", "text_own", "model_route"))
"""Indices of columns of the boosters' inputs."""

_OBEYED = 0.6  # share of the gap to a stated limit, in log tokens, by which the base moves
_SHORTER, _LONGER = 2.5, 1.5  # largest gaps in log tokens: a misread number must not dominate


@dataclass(frozen=True, slots=True)
class ModelMatch:
    """A model's name against the M models trained on.

    ``route`` is KNOWN, RELATED or GENERIC; ``weights`` (M, sum 1; all 0 if generic) are the shares
    of the models trained on that stand for the named model.
    """

    route: int
    weights: Array


@dataclass(frozen=True, slots=True)
class ModelMatches:
    """The matches of n prompts' models: ``routes`` (n) and ``weights`` (n x M)."""

    routes: Indices
    weights: Array

    @classmethod
    def from_matches(cls, matches: Sequence[ModelMatch]) -> ModelMatches:
        """The matches as arrays."""
        return cls(
            np.array([match.route for match in matches], dtype=np.intp),
            np.array([match.weights for match in matches]).reshape(len(matches), -1),
        )

    def rows(self, rows: Indices) -> ModelMatches:
        """The matches at the indices ``rows``, which may repeat."""
        return ModelMatches(self.routes[rows], self.weights[rows])


def location_base(offset: Array | float, score: Array, limit: Array) -> Array:
    """The linear part of the location, in log tokens (n); the booster adds a correction.

    The sum of the model's ``offset``, half of the text model's ``score`` (n), and a share of the
    gap to a length that the prompt asks for (``limit``, n: the column LIMIT; NaN: none). The share
    is a constant, because CASTILLO has too few prompts with a stated length for an estimate. The
    boosters fit what the linear part leaves, since trees approximate a line by many steps.
    """
    gap = np.log(np.expm1(limit)) - (offset + score)
    bounded_gap = np.clip(np.where(np.isnan(gap), 0.0, gap), -_SHORTER, _LONGER)
    return np.asarray(offset + 0.5 * score + _OBEYED * bounded_gap)


class TrainedModels:
    """The M models trained on: canonical ``names`` and ``offsets`` (M), in log tokens."""

    def __init__(self, names: Sequence[str], offsets: Array) -> None:
        self.names = tuple(canonical(name) for name in names)
        self.offsets = offsets
        self._traits = [traits(name) for name in self.names]
        self.match = lru_cache(maxsize=256)(self._match)  # clients choose the names

    def _match(self, name: str) -> ModelMatch:
        base = canonical(name)
        if base in self.names:
            return ModelMatch(KNOWN, np.eye(len(self.names))[self.names.index(base)])
        return self._related(base, [True] * len(self.names))

    def match_unseen(self, model: int, hidden: Sequence[int] = ()) -> ModelMatch:
        """The match of ``model`` as if that model and ``hidden`` (indices) were not trained on."""
        usable = [index != model and index not in hidden for index in range(len(self.names))]
        return self._related(self.names[model], usable)

    def generic(self) -> ModelMatch:
        """The match of a model without a relative among the models trained on."""
        return ModelMatch(GENERIC, np.zeros(len(self.names)))

    def _related(self, base: str, usable: Sequence[bool]) -> ModelMatch:
        """The match by family among the ``usable`` models.

        A model of ten times the size weighs 1/e**2 of a model of the same size.
        """
        own = traits(base)
        weights = np.zeros(len(self.names))
        for index, other in enumerate(self._traits):
            if usable[index] and own.family and other.family == own.family:
                gap = abs(own.size - other.size)
                weights[index] = exp(-2.0 * (0.5 if isnan(gap) else gap))
        total = float(weights.sum())
        return ModelMatch(RELATED, weights / total) if total > 0 else self.generic()

    def group(self, route: Indices, model: Indices) -> Indices:
        """The row of ``shapes``: 0 to M - 1 for known models, M for related, M + 1 for generic."""
        return np.where(route == KNOWN, model, len(self.names) + route - RELATED)

    def inputs(
        self, features: TextFeatures, scores: Array, matches: ModelMatches
    ) -> tuple[Array, Array]:
        """The boosters' inputs (n x len(COLUMNS)) and the ``location_base`` (n) of n prompts.

        ``scores`` (n x (SHARED + M)) are the text model's scores; ``matches`` (n) are the matches
        of the prompts' models.
        """
        own = np.einsum("nm,nm->n", scores[:, SHARED:], matches.weights)
        limit = features.lexical[:, LIMIT]
        model_columns, base = self.model_inputs(
            matches, own=own, text_all=scores[:, ALL], limit=limit
        )
        parts = [features.lexical, features.context, scores[:, :SHARED], model_columns]
        return np.concatenate(parts, axis=1), base

    def model_inputs(
        self, matches: ModelMatches, *, own: Array, text_all: Array, limit: Array
    ) -> tuple[Array, Array]:
        """The columns OFFSET, OWN and ROUTE (n x 3), and the ``location_base`` (n).

        ``own`` (n) is the text model's score for each prompt's own model, ``text_all`` (n) the
        score over all models, ``limit`` (n) the column LIMIT.
        """
        offset = matches.weights @ self.offsets
        base = location_base(offset, text_all + own, limit)
        unknown = np.where(matches.routes == GENERIC, nan, 0.0)
        return np.array([offset + unknown, own + unknown, matches.routes]).T, base
