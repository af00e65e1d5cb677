"""The predictor: from a prompt to the distribution of its answer's length."""

from predictor.artifact import ArtifactError
from predictor.features import Prompt
from predictor.predictor import LengthPredictor, quantiles

__all__ = ["ArtifactError", "LengthPredictor", "Prompt", "quantiles"]
