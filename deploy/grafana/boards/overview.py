"""Dashboard "Lengthwise: Overview"."""

from __future__ import annotations

from board import Board
from panels.latency import LATENCY
from panels.now import NOW
from panels.saved import SAVED
from panels.throughput import THROUGHPUT

OVERVIEW = Board(
    uid="lengthwise",
    title="Lengthwise: Overview",
    description="Is it healthy, is it fast, what does the order buy, what is lost.",
    variables=("model",),
    rows=(
        ("Now", NOW),
        ("Saved by the order", SAVED),
        ("Throughput", THROUGHPUT),
        ("Latency and queue", LATENCY),
    ),
)
