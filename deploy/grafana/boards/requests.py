"""Dashboard "Lengthwise: Requests"."""

from __future__ import annotations

from board import Board
from panels.requests import GENAI, OUTCOMES

REQUESTS = Board(
    uid="lengthwise-requests",
    title="Lengthwise: Requests",
    description="What came of requests, by outcome, endpoint and model.",
    variables=(
        "model",
        "endpoint",
        "outcome",
    ),
    rows=(
        ("By outcome", OUTCOMES),
        ("By operation", GENAI),
    ),
)
