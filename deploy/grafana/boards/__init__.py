"""The dashboards; each module describes one."""

from __future__ import annotations

from boards.overview import OVERVIEW
from boards.predictor import PREDICTOR
from boards.requests import REQUESTS
from boards.tenants import TENANTS
from boards.workers import WORKERS

BOARDS = (OVERVIEW, WORKERS, PREDICTOR, TENANTS, REQUESTS)
