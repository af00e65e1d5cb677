"""The refined tier's head: the encoder's outputs and the fast forecast, stacked into a better one.

Location and scale are a linear blend of both tiers' plus a small booster on their inputs; the
shape is measured anew. All of it is fitted on prompts that neither tier was fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Indices, Single
from predictor.artefact.format import Artefact, ArtefactError
from predictor.fast.forecast import boosted
from predictor.fast.inputs import GENERIC, ROUTES, ModelMatch, ModelMatches, TrainedModels
from predictor.features.model_names import canonical
from predictor.prompt import Prompt
from predictor.raw_forecast import LEVELS, RawForecasts
from predictor.refined.encoder import Encoder
from predictor.threads import give_way

if TYPE_CHECKING:
    from lightgbm import Booster


LOCATION, SCALE = "refined_location", "refined_scale"
"""Names of the boosters in a model directory."""

_RETRAIN = "train again with `lengthwise train --encoder`"


def stack(raw: RawForecasts, encoded: Single, weights: Array) -> Array:
    """What the refined boosters see of n prompts (n x (columns of ``inputs`` + 7)).

    ``encoded`` (n x D) are the encoder's outputs, its first M columns the models'; ``weights``
    (n x M) tell which of them stand for the prompt's model (``ModelMatch.weights``; zeros: none).
    """
    columns = np.asarray(encoded, dtype=np.float64)
    models = weights.shape[1]
    own = said(columns[:, :models], weights)
    others = columns[:, models:-1].mean(axis=1) if columns.shape[1] > models + 1 else 0 * own
    mean = columns[:, :models].mean(axis=1)
    added = (
        raw.location,
        np.log(raw.scale),
        own,
        own - raw.location,
        own - mean,
        others,
        columns[:, -1],
    )
    return np.column_stack([raw.inputs, *added])


def said(columns: Array, weights: Array) -> Array:
    """The encoder's log tokens for models at ``weights``; of an unknown one the models' mean."""
    total = weights.sum(axis=1)
    own = np.einsum("nm,nm->n", columns, weights)
    return np.asarray(np.where(total > 0, own, columns.mean(axis=1)))


@dataclass(frozen=True, slots=True)
class RefinedHead:
    """The fitted head.

    ``blend`` (routes x 3) are the weights of the fast location, of the encoder's and of 1;
    ``level`` is the usual log scale, ``trust`` how much of a departure from it is believed;
    ``caution`` how much of a departure from the fast location is left out;
    ``shapes`` (K x (M + 2) x levels) are as the fast tier's, at each of the log scales ``knots``.
    """

    location: Booster
    scale: Booster
    blend: Array
    level: float
    trust: float
    caution: float
    knots: Array
    shapes: Array
    models: TrainedModels

    def refine(
        self, raw: RawForecasts, encoded: Single, matches: Sequence[ModelMatch]
    ) -> RawForecasts:
        """Better forecasts of the same n prompts; ``matches`` are where their models stand."""
        at = ModelMatches.of(matches)
        rows = stack(raw, encoded, at.weights)
        base = blended(self.blend, raw, encoded, at.weights, at.routes)
        group = self.models.group(at.routes, at.weights.argmax(axis=1))
        location = base + boosted(self.location, rows)
        scale = steadied(raw.scale, boosted(self.scale, rows), self.level, self.trust)
        near = between(np.log(scale), self.knots)
        return replace(
            raw,
            location=location + self.caution * (raw.location - location),
            scale=scale,
            shape=np.einsum("nk,knl->nl", near, self.shapes[:, group]),
        )

    def arrays(self) -> dict[str, Array]:
        """What to store beside the fast tier's arrays."""
        return {
            "refined_blend": self.blend,
            "refined_level": np.array(self.level),
            "refined_trust": np.array(self.trust),
            "refined_caution": np.array(self.caution),
            "refined_knots": self.knots,
            "refined_shapes": self.shapes,
        }

    def boosters(self) -> dict[str, str]:
        """What to store beside the fast tier's boosters: LightGBM texts by name."""
        return {
            LOCATION: self.location.model_to_string(),
            SCALE: self.scale.model_to_string(),
        }

    @classmethod
    def from_parts(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        boosters: Mapping[str, Booster],
        models: TrainedModels,
    ) -> RefinedHead:
        """The head from what ``arrays`` and ``boosters`` gave.

        Raises:
            ArtefactError: a part is absent or does not fit the models.
        """
        try:
            blend, shapes = arrays["refined_blend"], arrays["refined_shapes"]
            level, trust = float(arrays["refined_level"]), float(arrays["refined_trust"])
            caution, knots = float(arrays["refined_caution"]), arrays["refined_knots"]
            trees = boosters[LOCATION], boosters[SCALE]
            head = cls(*trees, blend, level, trust, caution, knots, shapes, models)
        except KeyError as error:
            raise ArtefactError(f"the refined head lacks {error}; {_RETRAIN}") from error
        known = len(models.names)
        fits = blend.shape == (len(ROUTES), 3)
        fits = fits and shapes.shape == (len(knots), known + 2, len(LEVELS))
        if not fits or head.location.num_feature() != head.scale.num_feature():
            raise ArtefactError(f"the parts of the refined head do not fit together; {_RETRAIN}")
        return head


class RefinedTier:
    """Encoder and head together; immutable, so that threads may share one."""

    def __init__(self, encoder: Encoder, head: RefinedHead) -> None:
        if tuple(canonical(name) for name in encoder.models) != head.models.names:
            raise ArtefactError(
                "the encoder and the refined head were trained on other models "
                f"({', '.join(encoder.models)} against {', '.join(head.models.names)}); {_RETRAIN}"
            )
        self.encoder = encoder
        self.head = head

    @classmethod
    def load(
        cls,
        folder: Path,
        stored: Artefact,
        models: TrainedModels,
        booster: Callable[[str], Booster],
    ) -> RefinedTier:
        """The refined tier of the model directory ``folder``, whose parts are ``stored``.

        ``booster`` makes a LightGBM booster from its text.

        Raises:
            ArtefactError: a package or a part is missing, or parts do not fit together.
        """
        texts = {
            name: stored.boosters[name] for name in (LOCATION, SCALE) if name in stored.boosters
        }
        boosters = {name: booster(text) for name, text in texts.items()}
        head = RefinedHead.from_parts(stored.arrays, boosters, models)
        return cls(Encoder.load(folder), head)

    def in_background(self) -> RefinedTier:
        """The same tier, with the encoder on a low-priority thread (``Encoder.in_background``)."""
        return RefinedTier(self.encoder.in_background(), self.head)

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        """Better forecasts of the n prompts than ``fast``, the fast tier's of the same prompts.

        Takes milliseconds a prompt, most of them outside Python's interpreter lock.
        """
        if not prompts:
            return fast
        encoded = self.encoder.encode([prompt.text for prompt in prompts])
        give_way()
        matches = [self.head.models.match(prompt.model) for prompt in prompts]
        return self.head.refine(fast, encoded, matches)


def blended(
    blend: Array,
    raw: RawForecasts,
    encoded: Single,
    weights: Array,
    routes: Indices,
) -> Array:
    """The blend of both tiers' locations in log tokens (n), by each prompt's route."""
    columns = np.asarray(encoded, dtype=np.float64)[:, : weights.shape[1]]
    own, part = said(columns, weights), blend[np.minimum(routes, GENERIC)]
    return np.asarray(part[:, 0] * raw.location + part[:, 1] * own + part[:, 2])


def steadied(scale: Array, change: Array, level: float, trust: float) -> Array:
    """The fast tier's ``scale`` times exp(``change``), drawn towards exp(``level``) (n)."""
    return np.asarray(np.exp(level + trust * (np.log(scale) + change - level)))


def between(logs: Array, knots: Array) -> Array:
    """How near each of n log scales is to each of K ``knots`` (n x K, rows sum to 1)."""
    each = [np.interp(logs, knots, unit) for unit in np.eye(len(knots))]
    return np.column_stack(each)
