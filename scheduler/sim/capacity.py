"""The request rate of load 1."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.sim.arms import STOCK, Arm, Server
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate

SHARE = 0.9
"""Share of the requests after whose end the rate is measured: the last requests leave the engines
half empty."""


def capacity(requests: Sequence[Request], servers: Sequence[Server]) -> float:
    """Requests a second that the engines finish without the gateway, if all arrive at once.

    The rate is measured until nine of ten requests have ended. A load of 1 is this rate.

    Raises:
        ValueError: no request fits the engines, or the engines' steps take no time.
    """
    outcome = simulate(requests, [0.0] * len(requests), servers, Arm(STOCK))
    ends = sorted(record.finished for record in outcome.records if record.finished is not None)
    if not ends:
        raise ValueError(
            f"none of {len(requests)} requests fits an engine: its KV cache or context is too small"
        )
    ended = max(1, round(SHARE * len(ends)))
    if not ends[ended - 1] > 0:
        raise ValueError(f"the steps of {servers[0].costs} take no time; give costs above 0")
    return ended / ends[ended - 1]
