"""The predictor: from a prompt to the distribution of its answer's length.

The names below are imported as they are used, since they need LightGBM and seconds, and many
programs want no more of this package than ``exit_codes``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from predictor.artefact.format import ArtefactError
    from predictor.fast.predictor import LengthPredictor, quantiles
    from predictor.features.definition import Prompt
else:
    _HOMES = {
        "ArtefactError": "predictor.artefact.format",
        "LengthPredictor": "predictor.fast.predictor",
        "Prompt": "predictor.features.definition",
        "quantiles": "predictor.fast.predictor",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = ["ArtefactError", "LengthPredictor", "Prompt", "quantiles"]
