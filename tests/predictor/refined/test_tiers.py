"""Loading the tiers of a model directory."""

from pathlib import Path

import numpy as np
import pytest

from predictor import ArtefactError, LengthPredictor, Prompt
from predictor.fast.predictor import DEFAULT
from predictor.refined.tiers import load_predictor, load_refined_tier, required_refined_tier
from predictor.refit.editable import EditableArtefact, LearnedModel
from predictor.refit.extend import with_models


def test_a_model_without_a_refined_tier_is_refused_only_if_that_tier_is_required(
    small_model: Path,
) -> None:
    assert load_refined_tier(small_model) is None
    with pytest.raises(ArtefactError, match=r"has no refined tier.*lengthwise train --encoder"):
        required_refined_tier(small_model)


def test_a_refit_that_adds_a_model_keeps_the_refined_tier_usable(tmp_path: Path) -> None:
    base = EditableArtefact.read(DEFAULT)
    known = len(base.models.names)
    shape = base.arrays["shapes"][0]
    added = LearnedModel(
        name="fresh-instruct",
        offset=0.5,
        axes=np.zeros(3),
        shape=shape,
        endless_rate=0.01,
        records=99,
    )
    with_models(base, [added]).write(tmp_path / "model")
    fast, tier = LengthPredictor.load(tmp_path / "model"), load_refined_tier(tmp_path / "model")
    assert tier is not None
    assert tier.head.models.names == base.models.names
    assert len(fast.manifest["models"]) == known + 1
    tokens, mass = load_predictor(tmp_path / "model", "refined").atoms(
        [Prompt("fresh-instruct", "What is tea?")]
    )
    assert np.isfinite(tokens).all()
    assert mass.sum() == pytest.approx(1)
