"""Dashboard "Lengthwise: Overview"."""

from __future__ import annotations

from board import Board
from panels.latency import LATENCY
from panels.now import NOW
from panels.throughput import THROUGHPUT

OVERVIEW = Board(
    uid="lengthwise",
    title="Lengthwise: Overview",
    description="Is it healthy, is it fast, what is lost.",
    variables=("model",),
    rows=(
        ("Now", NOW),
        ("Throughput", THROUGHPUT),
        ("Latency and queue", LATENCY),
    ),
)
