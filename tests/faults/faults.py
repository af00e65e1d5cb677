"""The faults. Each breaks one promise; `python -m tests.faults` shows that a test notices."""

from __future__ import annotations

from tests.faults import (
    in_access,
    in_admin,
    in_chaos,
    in_clients,
    in_commands,
    in_config,
    in_emulator,
    in_keys,
    in_leaving,
    in_limits,
    in_models,
    in_outliers,
    in_overload,
    in_predictor,
    in_protocol,
    in_proxy,
    in_refusals,
    in_requests,
    in_scheduler,
    in_usage,
    in_weights,
    in_workers,
)
from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *in_scheduler.FAULTS,
    *in_predictor.FAULTS,
    *in_protocol.FAULTS,
    *in_requests.FAULTS,
    *in_refusals.FAULTS,
    *in_commands.FAULTS,
    *in_config.FAULTS,
    *in_proxy.FAULTS,
    *in_workers.FAULTS,
    *in_weights.FAULTS,
    *in_emulator.FAULTS,
    *in_leaving.FAULTS,
    *in_limits.FAULTS,
    *in_models.FAULTS,
    *in_overload.FAULTS,
    *in_outliers.FAULTS,
    *in_access.FAULTS,
    *in_keys.FAULTS,
    *in_admin.FAULTS,
    *in_chaos.FAULTS,
    *in_clients.FAULTS,
    *in_usage.FAULTS,
)
