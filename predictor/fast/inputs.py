"""What the boosters see of a prompt for a model: text features, and where the model stands.

A model trained on is known; an unseen one of a known family starts from its relatives; of any
other nothing is told (NaN), and the booster has learned from rows like that too.
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


LIMIT = LEXICAL_NAMES.index("asked_limit")
"""The column of a stated limit, in the lexical features as in the boosters' inputs."""

TEXT_ALL = COLUMNS.index("text_all")
AXIS = [COLUMNS.index(f"text_axis_{axis}") for axis in range(AXES)]
OFFSET, OWN, ROUTE = (COLUMNS.index(f) for f in ("model_offset", "text_own", "model_route"))
"""Columns of the boosters' inputs."""

_OBEYED = 0.6  # of the way, in log tokens, to a limit that the prompt states
_SHORTER, _LONGER = 2.5, 1.5  # at most so far: a number misread must not carry a forecast away


@dataclass(frozen=True, slots=True)
class ModelMatch:
    """Where a model stands: its route and the weight of each model trained on (M, sum 1 or 0)."""

    route: int
    weights: Array


@dataclass(frozen=True, slots=True)
class ModelMatches:
    """The matches of n prompts' models: ``routes`` (n) and ``weights`` (n x M)."""

    routes: Indices
    weights: Array

    @classmethod
    def of(cls, matches: Sequence[ModelMatch]) -> ModelMatches:
        """The matches as arrays."""
        return cls(
            np.array([match.route for match in matches], dtype=np.intp),
            np.array([match.weights for match in matches]).reshape(len(matches), -1),
        )

    def rows(self, rows: Indices) -> ModelMatches:
        """The matches at the indices ``rows``, which may repeat."""
        return ModelMatches(self.routes[rows], self.weights[rows])


def location_base(level: Array | float, said: Array, limit: Array) -> Array:
    """What the booster's answer is added to, in log tokens (n).

    The model's ``level``, half of what the text model ``said``, and most of the way to a length
    that the prompt asks for in so many words (``limit``: the column ``asked_limit``), which
    CASTILLO has too seldom to teach. The trees then need not build a straight line from steps,
    and are free to disagree.
    """
    gap = np.log(np.expm1(limit)) - (level + said)
    asked = np.clip(np.where(np.isnan(gap), 0.0, gap), -_SHORTER, _LONGER)
    return np.asarray(level + 0.5 * said + _OBEYED * asked)


class TrainedModels:
    """The models trained on: canonical ``names`` and ``offsets``, their effects on log length."""

    def __init__(self, names: Sequence[str], offsets: Array) -> None:
        self.names = tuple(canonical(name) for name in names)
        self.offsets = offsets
        self._traits = [traits(name) for name in self.names]
        self.match = lru_cache(maxsize=256)(self._match)  # names come from clients: bounded

    def _match(self, name: str) -> ModelMatch:
        base = canonical(name)
        if base in self.names:
            return ModelMatch(KNOWN, np.eye(len(self.names))[self.names.index(base)])
        return self._related(base, [True] * len(self.names))

    def match_unseen(self, model: int, hidden: Sequence[int] = ()) -> ModelMatch:
        """Where ``model`` would stand, were it and the models ``hidden`` unseen."""
        open_ = [at != model and at not in hidden for at in range(len(self.names))]
        return self._related(self.names[model], open_)

    def generic(self) -> ModelMatch:
        """The place of a model of which nothing is known."""
        return ModelMatch(GENERIC, np.zeros(len(self.names)))

    def _related(self, base: str, open_: Sequence[bool]) -> ModelMatch:
        """Relatives: the family's models, nearer sizes first (a tenfold size weighs 1/e**2)."""
        own = traits(base)
        weights = np.zeros(len(self.names))
        for at, other in enumerate(self._traits):
            if open_[at] and own.family and other.family == own.family:
                gap = abs(own.size - other.size)
                weights[at] = exp(-2.0 * (0.5 if isnan(gap) else gap))
        total = float(weights.sum())
        return ModelMatch(RELATED, weights / total) if total > 0 else self.generic()

    def group(self, route: Indices, model: Indices) -> Indices:
        """Which shape serves: a known model's own (0..M-1), that of related, of generic ones."""
        return np.where(route == KNOWN, model, len(self.names) + route - RELATED)

    def inputs(
        self, features: TextFeatures, scores: Array, matches: ModelMatches
    ) -> tuple[Array, Array]:
        """The boosters' inputs (n x len(COLUMNS)) of n prompts, each for the model at its match.

        And what the location's answers are added to, in log tokens (n); see ``location_base``.
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
        """The inputs at the columns OFFSET, OWN and ROUTE (n x 3), and the base (n).

        ``own`` (n) is the text model's score of each prompt's own model, ``text_all`` the score
        over all models, ``limit`` the column LIMIT. ``location_base`` computes the base.
        """
        level = matches.weights @ self.offsets
        base = location_base(level, text_all + own, limit)
        unknown = np.where(matches.routes == GENERIC, nan, 0.0)
        return np.array([level + unknown, own + unknown, matches.routes]).T, base
