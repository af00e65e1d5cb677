"""The rows of the dashboard, from the top down; each module holds the panels of one row."""

from __future__ import annotations

from panels.forecasts import FORECASTS
from panels.latency import LATENCY
from panels.now import NOW
from panels.throughput import THROUGHPUT
from panels.workers import WORKERS

ROWS = (
    ("Now", NOW),
    ("Throughput", THROUGHPUT),
    ("Latency and queue", LATENCY),
    ("Workers", WORKERS),
    ("Length forecasts", FORECASTS),
)
"""(title, panels) of each row."""
