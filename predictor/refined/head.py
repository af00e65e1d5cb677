"""The refined tier's head: stacks the encoder's outputs and the fast forecast.

The location is a linear blend of the fast tier's and the encoder's locations, plus the correction
of a small booster. Both count where the encoder can read the text and nothing else rules its
length. The scale is the fast tier's scale times the correction of another booster. The shapes are
measured on the refined residuals. A head for publication has the fast tier's scales and shapes.
The head is fitted on prompts that neither the fast tier nor the encoder was fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Single
from predictor.artefact.format import Artefact, ArtefactError
from predictor.fast.doubt import stretched, widened
from predictor.fast.inputs import GENERIC, ROUTES, ModelMatch, ModelMatches, TrainedModels
from predictor.fast.trees import Booster, boosted
from predictor.features.model_names import canonical
from predictor.prompt import Prompt
from predictor.raw_forecast import LEVELS, RawForecasts
from predictor.refined.encoder import Encoder
from predictor.refined.head_inputs import encoder_share, head_inputs, own_column, whole_lengths
from predictor.threads import give_way

LOCATION, SCALE = "refined_location", "refined_scale"
"""Names of the boosters in a model directory."""

_RETRAIN = "train again with `lengthwise train --encoder`"


@dataclass(frozen=True, slots=True)
class RefinedHead:
    """The fitted head.

    ``blend`` (routes x 3) are the weights of the fast location, of the encoder's location and of a
    constant. ``trust`` (0 to 1) is the share of a log scale's departure from ``mean_log_scale``
    that is kept. ``fast_share`` (0 to 1, one for all routes or one for each) is the share of the
    fast location that no blend replaces.
    ``shapes`` (K x (M + 2) x len(LEVELS)) are standardised quantiles at each of the K log scales
    ``knots``: one row for each model trained on, one for related and one for generic models.
    """

    location: Booster
    scale: Booster
    blend: Array
    mean_log_scale: float
    trust: float
    fast_share: float | Array
    knots: Array
    shapes: Array
    models: TrainedModels

    def refine(
        self, raw: RawForecasts, encoded: Single, matches: Sequence[ModelMatch]
    ) -> RawForecasts:
        """The refined forecasts of n prompts, from the fast tier's ``raw`` forecasts.

        ``encoded`` (n x D) are the encoder's outputs, ``matches`` (n) of the prompts' models. What
        words learned from traffic add to the fast locations is added whole to the refined ones: the
        encoder does not know such words.
        """
        if raw.learned is not None:
            known = replace(raw, location=raw.location - raw.learned, learned=None)
            made = self.refine(known, encoded, matches)
            return replace(made, location=made.location + raw.learned, learned=raw.learned)
        models = ModelMatches.from_matches(matches)
        columns = whole_lengths(encoded, raw.inputs)
        plain = raw if raw.plain is None else replace(raw, scale=raw.plain)
        rows = head_inputs(plain, columns, models.weights)
        base = blended(self.blend, self.fast_share, raw, columns, models)
        group = self.models.group(models.routes, models.weights.argmax(axis=1))
        located = base + encoder_share(raw.inputs) * boosted(self.location, rows)
        change = boosted(self.scale, rows)
        scale = shrunk_scale(plain.scale, change, self.mean_log_scale, self.trust)
        near = knot_weights(np.log(scale), self.knots)
        shape = np.einsum("nk,knl->nl", near, self.shapes[:, group])
        # The doubt is one about the refined forecast: it grows with the length, so that beside the
        # fast tier's doubt a longer forecast could have the smaller geometric mean.
        wide, lower = widened(raw.inputs, scale, located, shape)
        return replace(
            raw, location=located, scale=wide, shape=stretched(shape, lower), plain=scale
        )

    def arrays(self) -> dict[str, Array]:
        """The arrays to store beside the fast tier's arrays."""
        return {
            "refined_blend": self.blend,
            "refined_level": np.array(self.mean_log_scale),
            "refined_trust": np.array(self.trust),
            "refined_caution": np.asarray(self.fast_share, dtype=np.float64),
            "refined_knots": self.knots,
            "refined_shapes": self.shapes,
        }

    def boosters(self) -> dict[str, str]:
        """The boosters to store beside the fast tier's boosters: LightGBM texts by name."""
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
        """The head from the stored ``arrays`` and ``boosters``.

        Raises:
            ArtefactError: a part is absent or does not fit the models.
        """
        try:
            blend, shapes = arrays["refined_blend"], arrays["refined_shapes"]
            mean_log_scale, trust = float(arrays["refined_level"]), float(arrays["refined_trust"])
            fast_share, knots = arrays["refined_caution"], arrays["refined_knots"]
            trees = boosters[LOCATION], boosters[SCALE]
            head = cls(*trees, blend, mean_log_scale, trust, fast_share, knots, shapes, models)
        except KeyError as error:
            raise ArtefactError(f"the refined head lacks {error}; {_RETRAIN}") from error
        if not head._fits():
            raise ArtefactError(f"the parts of the refined head do not fit together; {_RETRAIN}")
        return head

    def _fits(self) -> bool:
        known = len(self.models.names)
        return (
            self.blend.shape == (len(ROUTES), 3)
            and np.shape(self.fast_share) in {(), (1,), (len(ROUTES),)}
            and self.shapes.shape == (len(self.knots), known + 2, len(LEVELS))
            and self.location.num_feature() == self.scale.num_feature()
        )


class RefinedTier:
    """The encoder with the head; immutable, so threads can share one tier.

    Raises:
        ArtefactError: the encoder and the head were trained on different models.
    """

    def __init__(self, encoder: Encoder, head: RefinedHead) -> None:
        names = [canonical(name) for name in encoder.models]
        if not names or not set(names) <= set(head.models.names):
            raise ArtefactError(
                "the encoder and the refined head were trained on different models "
                f"({', '.join(encoder.models)} and {', '.join(head.models.names)}); {_RETRAIN}"
            )
        self.encoder = encoder
        self.head = head
        self._columns = [names.index(name) if name in names else -1 for name in head.models.names]

    def outputs(self, texts: Sequence[str]) -> Single:
        """The encoder's outputs for n texts, with a column for each of the head's models (n x D).

        A model that the encoder was not trained on has the mean column of those it was.
        """
        encoded = self.encoder.encode(texts)
        own, others = np.split(encoded, [len(self.encoder.models)], axis=1)
        everyone = np.column_stack([own, own.mean(axis=1)])
        return np.column_stack([everyone[:, self._columns], others])

    @classmethod
    def load(
        cls,
        folder: Path,
        stored: Artefact,
        models: TrainedModels,
        booster: Callable[[str], Booster],
    ) -> RefinedTier:
        """The refined tier of the model directory ``folder`` with the parts ``stored``.

        ``booster`` makes a LightGBM booster from LightGBM's text.

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
        """The refined forecasts of n prompts, from the ``fast`` tier's forecasts of these prompts.

        Takes milliseconds a prompt, mostly outside Python's interpreter lock.
        """
        if not prompts:
            return fast
        encoded = self.outputs([prompt.text for prompt in prompts])
        give_way()
        matches = [self.head.models.match(prompt.model) for prompt in prompts]
        return self.head.refine(fast, encoded, matches)


def blended(
    blend: Array, fast_share: float | Array, raw: RawForecasts, encoded: Array, models: ModelMatches
) -> Array:
    """The locations of n prompts before the booster corrects them, in log tokens (n).

    ``blend`` and ``fast_share`` as in ``RefinedHead``; ``encoded`` (n x D) are ``whole_lengths``.
    """
    own = own_column(encoded[:, : models.weights.shape[1]], models.weights)
    route = np.minimum(models.routes, GENERIC)
    part = blend[route]
    change = (part[:, 0] - 1) * raw.location + part[:, 1] * own + part[:, 2]
    share = 1 - np.broadcast_to(fast_share, len(ROUTES))[route]
    return np.asarray(raw.location + share * encoder_share(raw.inputs) * change)


def shrunk_scale(scale: Array, change: Array, mean_log_scale: float, trust: float) -> Array:
    """The fast ``scale`` times exp(``change``), shrunk towards exp(``mean_log_scale``) (n)."""
    return np.asarray(np.exp(mean_log_scale + trust * (np.log(scale) + change - mean_log_scale)))


def knot_weights(logs: Array, knots: Array) -> Array:
    """The weights for linear interpolation of n log scales between K ``knots`` (n x K)."""
    each = [np.interp(logs, knots, unit) for unit in np.eye(len(knots))]
    return np.column_stack(each)
