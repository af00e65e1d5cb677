"""Dashboard "Lengthwise: Predictor"."""

from __future__ import annotations

from board import Board
from panels.artefact import ARTEFACT
from panels.forecasts import FORECASTS
from panels.quality import QUALITY

PREDICTOR = Board(
    uid="lengthwise-predictor",
    title="Lengthwise: Predictor",
    description="How right the length forecasts are, what they cost, what is learned.",
    variables=(
        "instance",
        "model",
        "kind",
    ),
    rows=(
        ("Quality", QUALITY),
        ("Length forecasts", FORECASTS),
        ("Model and learning", ARTEFACT),
    ),
)
