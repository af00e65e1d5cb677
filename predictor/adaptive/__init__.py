"""The adaptive layer: corrects forecasts by the lengths of all answers so far."""

from predictor.adaptive.forecast import Forecast
from predictor.adaptive.layer import AdaptiveLayer
from predictor.adaptive.settings import AdaptiveSettings
from predictor.adaptive.state import StateError, load_state, save_state

__all__ = [
    "AdaptiveLayer",
    "AdaptiveSettings",
    "Forecast",
    "StateError",
    "load_state",
    "save_state",
]
