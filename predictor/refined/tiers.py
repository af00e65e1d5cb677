"""Loads the tiers of a model directory: the fast one, and the refined one if present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predictor.arrays import Array
from predictor.artefact import format
from predictor.artefact.format import ArtefactError
from predictor.fast.inputs import ROUTES, ModelMatch, TrainedModels
from predictor.fast.predictor import DEFAULT, LengthPredictor, booster
from predictor.prompt import Prompt

if TYPE_CHECKING:
    from predictor.fast.predictor import Predictor
    from predictor.refined.head import RefinedTier

TIERS = ("fast", "refined")


def load_refined_tier(path: Path | str | None = None) -> RefinedTier | None:
    """The refined tier of the model directory ``path`` (None: the model that ships).

    Returns None if the model was trained without a refined tier.

    Raises:
        ArtefactError: the refined tier cannot be used; the message names the file or the extra
            that is not installed.
    """
    from predictor.refined.head import LOCATION, RefinedTier  # noqa: PLC0415 - optional packages

    folder = DEFAULT if path is None else Path(path)
    stored = format.read(folder)
    if LOCATION not in stored.boosters:
        return None
    # Refits append models to the fast tier only; the refined tier keeps the models of its training.
    known = max(0, stored.arrays["refined_shapes"].shape[-2] - len(ROUTES) + 1)
    models = TrainedModels(
        stored.manifest["models"][:known],
        stored.arrays["offsets"][:known],
        stored.arrays["levels"],
    )
    return RefinedTier.load(folder, stored, models, booster)


@dataclass(frozen=True, slots=True)
class RefinedPredictor:
    """The refined tier over the fast one, as a ``Predictor`` for the evaluation."""

    fast: LengthPredictor
    tier: RefinedTier

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the model directory."""
        return self.fast.manifest

    def match(self, model: str) -> ModelMatch:
        """The match of the model's name against the models trained on."""
        return self.fast.match(model)

    def atoms(self, prompts: Sequence[Prompt]) -> tuple[Array, Array]:
        """Tokens and masses of the refined forecasts, not truncated; each n x ATOMS."""
        return self.tier.refine(prompts, self.fast.raw_forecasts(prompts)).atoms()


def load_predictor(path: Path | None, tier: str) -> Predictor:
    """The predictor of one tier of the model directory ``path`` (None: the model that ships).

    Raises:
        ArtefactError: the model cannot be used, or has no such tier.
    """
    fast = LengthPredictor.load(path)
    return fast if tier == "fast" else RefinedPredictor(fast, required_refined_tier(path))


def required_refined_tier(path: Path | str | None = None) -> RefinedTier:
    """The refined tier of the model directory ``path`` (None: the model that ships).

    Raises:
        ArtefactError: the refined tier is absent or cannot be used.
    """
    tier = load_refined_tier(path)
    if tier is None:
        raise ArtefactError(
            f"{path or 'the model that ships'} has no refined tier; train one with "
            "`lengthwise train --encoder`, or give --tier fast"
        )
    return tier
