"""The faults. Each breaks one promise; `python -m tests.faults` shows that a test notices."""

from __future__ import annotations

from tests.faults import in_gateway, in_predictor, in_scheduler
from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (*in_scheduler.FAULTS, *in_predictor.FAULTS, *in_gateway.FAULTS)
