"""The rows of the dashboard, from the top down; each module holds the panels of one row."""

from __future__ import annotations

from rows.forecasts import FORECASTS
from rows.latency import LATENCY
from rows.now import NOW
from rows.throughput import THROUGHPUT
from rows.workers import WORKERS

ROWS = (
    ("Now", NOW),
    ("Throughput", THROUGHPUT),
    ("Latency and queue", LATENCY),
    ("Workers", WORKERS),
    ("Length forecasts", FORECASTS),
)
"""(title, panels) of each row."""
