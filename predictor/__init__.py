"""The predictor: from a prompt to the distribution of its answer's length."""

from predictor.artefact.format import ArtefactError
from predictor.fast.predictor import LengthPredictor, quantiles
from predictor.features.definition import Prompt

__all__ = ["ArtefactError", "LengthPredictor", "Prompt", "quantiles"]
