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
from predictor.fast import evidence
from predictor.fast.model_level import TRAITS, level
from predictor.fast.text_model import AXES, SHARED
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
    "text_novelty",
    *evidence.NAMES,
    "model_size",
    "model_year",
    "model_offset",
    "model_base",
    "text_own",
    "model_route",
)
"""The columns of the boosters' inputs, in order."""

TEXT_ALL = COLUMNS.index("text_all")
AXIS = [COLUMNS.index(f"text_axis_{axis}") for axis in range(AXES)]
PRIOR, SPREAD, TRUST = (COLUMNS.index(f) for f in ("prior", "prior_spread", "prior_trust"))
LAST_ANSWER = COLUMNS.index("log_previous")
THINKING, TURNS = COLUMNS.index("thinking"), COLUMNS.index("turns")
STRANGENESS, UNFAMILIAR = COLUMNS.index("strangeness"), COLUMNS.index("unfamiliar")
MODEL = slice(COLUMNS.index("model_size"), len(COLUMNS))
OFFSET, OWN, ROUTE = (COLUMNS.index(f) for f in ("model_offset", "text_own", "model_route"))
"""Indices of columns of the boosters' inputs; MODEL are those of the requested model."""
BASE = COLUMNS.index("model_base")
_NUMBERS = OWN - MODEL.start  # columns of what a name says


_RELATIVES_SHARE = 0.5  # of the relatives' offsets in a related model's offset


@dataclass(frozen=True, slots=True)
class ModelMatch:
    """A model's name against the M models trained on.

    ``route`` is KNOWN, RELATED or GENERIC; ``weights`` (M, sum 1; all 0 if generic) are the shares
    of the models trained on that stand for the named model. ``offset`` is the model's effect on log
    length, ``size`` log10 of its parameters in 1e9, ``year`` that of its release (NaN: unknown).
    ``base``: its name marks a model that was not tuned to follow instructions.
    """

    route: int
    weights: Array
    offset: float
    size: float
    year: float
    base: bool = False


@dataclass(frozen=True, slots=True)
class ModelMatches:
    """The matches of n prompts' models: ``routes`` (n), ``weights`` (n x M), and ``numbers``.

    ``numbers`` (n x 4) are size, year, offset and base.
    """

    routes: Indices
    weights: Array
    numbers: Array

    @classmethod
    def from_matches(cls, matches: Sequence[ModelMatch]) -> ModelMatches:
        """The matches as arrays."""
        return cls(
            np.array([match.route for match in matches], dtype=np.intp),
            np.array([match.weights for match in matches]).reshape(len(matches), -1),
            np.array([(m.size, m.year, m.offset, m.base) for m in matches]).reshape(-1, _NUMBERS),
        )

    def rows(self, rows: Indices) -> ModelMatches:
        """The matches at the indices ``rows``, which may repeat."""
        return ModelMatches(self.routes[rows], self.weights[rows], self.numbers[rows])


class TrainedModels:
    """The M models trained on: canonical ``names`` and ``offsets`` (M), in log tokens.

    ``levels`` (TRAITS + 1) are the weights by which the traits of an unseen model's name give its
    offset (``model_level``).
    """

    def __init__(self, names: Sequence[str], offsets: Array, levels: Array | None = None) -> None:
        self.names = tuple(canonical(name) for name in names)
        self.offsets = offsets
        self.levels = np.zeros(TRAITS + 1) if levels is None else levels
        self._traits = [traits(name) for name in self.names]
        self.match = lru_cache(maxsize=256)(self._match)  # clients choose the names
        self._alone = lru_cache(maxsize=256)(self._match_alone)

    def _match(self, name: str) -> ModelMatch:
        base = canonical(name)
        if base not in self.names:
            return self._related(name, [True] * len(self.names))
        index = self.names.index(base)
        own, weights = traits(name), np.eye(len(self.names))[index]
        return ModelMatch(KNOWN, weights, float(self.offsets[index]), own.size, own.year, own.base)

    def _match_alone(self, name: str) -> ModelMatches:
        return ModelMatches.from_matches([self.match(name)])

    def matches(self, names: Sequence[str]) -> ModelMatches:
        """The matches of n names; those of one name are kept, and are not to be changed."""
        if len(names) == 1:
            return self._alone(names[0])
        return ModelMatches.from_matches(list(map(self.match, names)))

    def match_unseen(self, model: int, hidden: Sequence[int] = ()) -> ModelMatch:
        """The match of ``model`` as if that model and ``hidden`` (indices) were not trained on."""
        usable = [index != model and index not in hidden for index in range(len(self.names))]
        return self._related(self.names[model], usable)

    def generic(self, name: str) -> ModelMatch:
        """The match of a model without a relative among the models trained on."""
        own, offset = traits(name), level(name, self.levels)
        return ModelMatch(GENERIC, np.zeros(len(self.names)), offset, own.size, own.year, own.base)

    def _related(self, name: str, usable: Sequence[bool]) -> ModelMatch:
        """The match by family among the ``usable`` models.

        A model of ten times the size weighs 1/e**2 of a model of the same size.
        """
        own, generic = traits(name), self.generic(name)
        weights = np.zeros(len(self.names))
        for index, other in enumerate(self._traits):
            if usable[index] and own.family and other.family == own.family:
                gap = abs(own.size - other.size)
                weights[index] = exp(-2.0 * (0.5 if isnan(gap) else gap))
        total = float(weights.sum())
        if total <= 0:
            return generic
        weights /= total
        relatives = float(weights @ self.offsets)
        offset = _RELATIVES_SHARE * relatives + (1 - _RELATIVES_SHARE) * generic.offset
        return ModelMatch(RELATED, weights, offset, own.size, own.year, own.base)

    def group(self, route: Indices, model: Indices) -> Indices:
        """The row of ``shapes``: 0 to M - 1 for known models, M for related, M + 1 for generic."""
        return np.where(route == KNOWN, model, len(self.names) + route - RELATED)

    def inputs(
        self, features: TextFeatures, scores: Array, evident: Array, matches: ModelMatches
    ) -> Array:
        """The boosters' inputs (n x len(COLUMNS)) of n prompts.

        ``scores`` (n x (SHARED + M)) are the text model's scores, ``evident`` (n x 5) the columns
        of ``Evidence``; ``matches`` (n) are the matches of the prompts' models.
        """
        own = np.einsum("nm,nm->n", scores[:, SHARED:], matches.weights)
        shared = (features.lexical, features.context, scores[:, :SHARED], evident)
        return np.concatenate([*shared, self.model_inputs(matches, own)], axis=1)

    def model_inputs(self, matches: ModelMatches, own: Array) -> Array:
        """The columns MODEL (n x 6).

        ``own`` (n) is the text model's score for each prompt's own model.
        """
        unknown = np.where(matches.routes == GENERIC, nan, 0.0)
        out = np.empty((len(own), len(COLUMNS) - MODEL.start))
        out[:, :_NUMBERS] = matches.numbers
        out[:, _NUMBERS] = own + unknown
        out[:, _NUMBERS + 1] = matches.routes
        return out
