"""Traffic as a gateway would have seen it: simulated under one policy, told as records."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from gateway.replay.seen import History
from gateway.shadow.records import Begun, Ended
from scheduler.length import LengthDistribution
from scheduler.policy import AGEING, LEVEL
from scheduler.sim.arms import STOCK, Arm, Server
from scheduler.sim.arrivals import poisson
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import Outcome, simulate
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY

COSTS = StepCosts(0.02, 1e-4, 1e-6, 2e-4)
DELAY_S = 0.008
"""Seconds from the gateway to the engine."""

KV_REPORT_S = 2.0
"""Seconds between two readings of the engine's KV use."""

SETUP: dict[str, Any] = {
    "policy": "sejf",
    "ageing": AGEING,
    "level": LEVEL,
    "engine_queue": ENGINE_QUEUE,
    "priority": True,
    "overflow": KV_OVERFLOW_PROBABILITY,
    "tenants": False,
    "kv_report_s": KV_REPORT_S,
    "window_s": 1e6,
    "interval_s": 1.0,
    "most_requests": 10_000,
    "tolerance": 0.2,
    "workers": [("w", ("m",), 4, 1_000_000, 16, 8192)],
}
"""One worker, whose slots are scarce."""

SCARCE_KV = SETUP | {"workers": [("w", ("m",), 64, 1100, 16, 8192)]}
"""One worker, whose KV memory is scarce."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests with what came of them under the policy of ``setup``."""

    setup: dict[str, Any]
    requests: list[Request]
    arrivals: list[float]
    outcome: Outcome

    @property
    def servers(self) -> list[Server]:
        """The engines that the requests had."""
        return _servers(self.setup)

    def under(self, policy: str) -> Outcome:
        """What would have come under another policy."""
        arm = Arm(STOCK) if policy == STOCK else _arm(policy)
        return simulate(self.requests, self.arrivals, self.servers, arm)

    def history(
        self, *, slower: float = 1.0, streamed: bool = True, uneven: float = 0.0
    ) -> History:
        """What the gateway told; latencies are ``slower`` times as long as they were.

        ``uneven``: standard deviation of a factor, in log, by which each answer is slower.
        """
        history, rng = History(), random.Random(1)
        for index, (request, record) in enumerate(
            zip(self.requests, self.outcome.records, strict=True)
        ):
            name, atoms = str(index), (request.length.tokens, request.length.mass)
            arrival, e2e, ttft = record.arrival, record.e2e or 0.0, record.ttft or 0.0
            e2e = ttft + (e2e - ttft) * rng.lognormvariate(0, uneven)
            shape = (name, arrival, "m", request.prompt_tokens, streamed, 1, "")
            first = arrival + slower * ttft if streamed else None
            end = (name, True, "w", request.prompt_tokens, request.output_tokens, record.dispatched)
            history.add(
                [Begun(*shape, *atoms)], [Ended(*end, first, arrival + slower * e2e, *atoms)]
            )
        return history


def traffic(
    setup: dict[str, Any] = SETUP,
    *,
    count: int = 300,
    rate: float = 2.6,
    heeds: bool = True,
    costs: StepCosts = COSTS,
    delay: float = DELAY_S,
) -> Traffic:
    """Poisson arrivals of answers of 1 to 400 tokens, with forecasts that are fairly good.

    ``heeds``: whether the engine heeds priorities. ``costs``: of its steps. ``delay``: seconds from
    the gateway to the engine.
    """
    rng = random.Random(0)
    requests = [_request(rng, number) for number in range(count)]
    arrivals = poisson(count, rate, rng)
    arm = replace(_arm(setup["policy"]), priority=heeds, latency=delay)
    outcome = simulate(requests, arrivals, _servers(setup, costs), arm)
    return Traffic(setup, requests, arrivals, outcome)


def _request(rng: random.Random, number: int) -> Request:
    tokens = min(400, max(1, round(rng.lognormvariate(3.5, 1.0))))
    middle = tokens * rng.lognormvariate(0, 0.4)
    spread = [middle * rng.lognormvariate(0, 0.4) for _ in range(12)]
    forecast = LengthDistribution.from_samples(spread)
    return Request(rng.randint(8, 120), tokens, forecast, model="m", number=number)


def _servers(setup: dict[str, Any], costs: StepCosts = COSTS) -> list[Server]:
    (worker,) = setup["workers"]
    _, _, slots, kv_tokens, block, context = worker
    config = EngineConfig(slots, kv_tokens // block, block, max_model_len=context)
    return [Server(config, costs)]


def _arm(policy: str) -> Arm:
    return replace(Arm(policy), priority=True, latency=DELAY_S, kv_report_s=KV_REPORT_S)
