"""One policy at one load, through a real vLLM and through its model."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

import aiohttp
import numpy as np

from gateway.calibrate.plan import Calibration, calibrate
from gateway.calibrate.run import cost_model
from gateway.calibrate.server import Server as Measured
from gateway.cost_model import CostModel
from scheduler.records import RequestRecord
from scheduler.sim.arms import Arm, Server
from scheduler.sim.arrivals import poisson
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import Outcome, simulate
from tests.bench.burst import MAX_NUM_SEQS, MODEL, bodies
from tests.bench.engine_clock import Clock
from tests.bench.frozen_gateway import forecasts, frozen_gateway
from tests.bench.load import stream_all
from tests.vllm.engine import VllmServer

LOADS = (0.5, 0.8, 1.5)
POLICIES = ("fcfs", "sejf")
MAX_OUTPUT = 300
BLOCK = 128
_SEARCH = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """One policy at one load, real and simulated: seconds, the medians over the repeats.

    ``speeds`` are the factors on the calibrated costs, one for each repeat.
    """

    policy: str
    load: float
    real_mean: float
    simulated_mean: float
    real_p99: float
    simulated_p99: float
    speeds: list[float]

    @property
    def errors(self) -> tuple[float, float]:
        """Relative errors of mean and p99."""
        return self.simulated_mean / self.real_mean - 1, self.simulated_p99 / self.real_p99 - 1


async def measure_costs(url: str, budget_s: float) -> Calibration:
    """As `lengthwise calibrate` does."""
    # The requests' lengths are forced by a logits processor, which takes time in every step: those
    # of the calibration carry a target that they do not live to reach.
    async with Measured(url, extra={"vllm_xargs": {"target_tokens": 4000}}) as server:
        await server.identify()
        return await calibrate(server, 2 * MAX_NUM_SEQS, budget_s, lambda done, total: None)


def merged(runs: Sequence[Calibration]) -> CostModel:
    """One cost model of several calibrations of the same server."""
    first = runs[0]
    for run in runs[1:]:
        for key, samples in run.samples.items():
            first.samples.setdefault(key, []).extend(samples)
        first.limit = first.limit or run.limit
    return cost_model(first)


async def prompt_tokens(url: str, requests: Sequence[dict[str, Any]]) -> list[int]:
    """The prompts' sizes, by vLLM's own tokenizer."""
    sizes = []
    async with aiohttp.ClientSession() as session:
        for body in requests:
            asked = {"model": MODEL, "messages": body["messages"]}
            async with session.post(url + "/tokenize", json=asked) as response:
                sizes.append(int((await response.json())["count"]))
    return sizes


async def idle_latency(url: str) -> float:
    """Seconds to the end of a chat answer of one token, by an idle server."""
    body = {**bodies(1, 77, max_output=MAX_OUTPUT)[0], "vllm_xargs": {"target_tokens": 1}}
    taken = []
    for _ in range(15):
        (record,) = await stream_all(url, [body], [0.0])
        taken.append(record.e2e or 0.0)
    return median(taken)


@dataclass(frozen=True, slots=True)
class Observed:
    """One real run: end-to-end latencies in seconds."""

    policy: str
    load: float
    latencies: list[float]
    gateway_latency: float
    """Seconds that the gateway adds to an answer of an idle server."""
    busy: float
    """Seconds of its clock for which the engine was busy, by the CPU time that it used."""


@dataclass(slots=True)
class Study:
    """An engine and the requests it gets."""

    server: VllmServer
    requests: list[dict[str, Any]]
    simulated: list[Request]
    seed: int
    clock: Clock
    rate: float = 1.0
    """Requests a second at load 1."""

    def engines(self, costs: CostModel, speed: float = 1.0) -> list[Server]:
        """The engine's model, its costs multiplied by ``speed``."""
        config = EngineConfig(
            max_num_seqs=MAX_NUM_SEQS,
            num_blocks=(costs.limits.kv_tokens or 0) // BLOCK,
            block_size=BLOCK,
            max_model_len=self.server.max_model_len,
        )
        return [Server(config, costs.step_costs.scaled(speed))]

    def measure(self, policy: str) -> list[Observed]:
        """The real runs of one policy, at every load."""
        observed = []
        share = median(self.cpu_share() for _ in range(3))
        for load in LOADS:
            # A gateway for each run, as the simulator's: what it learns of the pace decides ageing.
            with frozen_gateway(self.server.url, policy, MAX_NUM_SEQS) as url:
                records, used, ticks = self.send(url, self.requests, self.arrivals(load))
                beside = asyncio.run(idle_latency(url)) - asyncio.run(idle_latency(self.server.url))
                latencies = [record.e2e or 0.0 for record in records]
                observed.append(
                    Observed(policy, load, latencies, max(0.0, beside), used * ticks / share)
                )
        return observed

    def cpu_share(self) -> float:
        """CPU seconds that the engine uses in a second in which it has work all the time."""
        full = [
            {**body, "vllm_xargs": {"target_tokens": 150}} for body in self.requests[:MAX_NUM_SEQS]
        ]
        records, used, ticks = self.send(self.server.url, full, [0.0] * len(full))
        span = max(record.finished or 0.0 for record in records) - records[0].arrival
        return used * ticks / span

    def send(
        self, url: str, requests: Sequence[dict[str, Any]], arrivals: Sequence[float]
    ) -> tuple[list[RequestRecord], float, float]:
        """The records, the engine's CPU seconds, and what one of these was in ``clock``'s."""
        before = self.server.cpu_seconds(), self.clock(), time.monotonic()
        records = asyncio.run(stream_all(url, requests, arrivals, self.clock))
        after = self.server.cpu_seconds(), self.clock(), time.monotonic()
        used, ticks, wall = (now - then for now, then in zip(after, before, strict=True))
        return records, used, ticks / wall

    def arrivals(self, load: float) -> list[float]:
        """The same gaps at every load, longer or shorter."""
        return poisson(len(self.requests), load * self.rate, random.Random(self.seed))

    def compare(
        self, policy: str, load: float, runs: Sequence[Observed], costs: CostModel
    ) -> Comparison:
        """One policy at one load, both ways."""
        beside = costs.fit.request_latency + median(run.gateway_latency for run in runs)
        arm, arrivals = Arm(policy, latency=beside), self.arrivals(load)

        def simulation(speed: float) -> Outcome:
            return simulate(self.simulated, arrivals, self.engines(costs, speed), arm)

        speeds = [speed_for(run.busy, simulation) for run in runs]
        ours = [[one.e2e or 0.0 for one in simulation(speed).records] for speed in speeds]
        return Comparison(
            policy=policy,
            load=load,
            real_mean=median(mean(run.latencies) for run in runs),
            simulated_mean=median(mean(latencies) for latencies in ours),
            real_p99=median(p99(run.latencies) for run in runs),
            simulated_p99=median(p99(latencies) for latencies in ours),
            speeds=speeds,
        )


def speed_for(busy: float, simulation: Callable[[float], Outcome]) -> float:
    """The factor on the costs at which the simulated engine is busy for ``busy`` seconds.

    A faster engine batches less and is busy for more than in proportion, hence the search.
    """
    factor = 1.0
    for _ in range(_SEARCH):
        factor *= busy / simulation(factor).busy
    return factor


def p99(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return float(np.percentile(values, 99))


def simulated(server: VllmServer, requests: Sequence[dict[str, Any]]) -> list[Request]:
    """The same requests as the simulator takes them."""
    sizes = asyncio.run(prompt_tokens(server.url, requests))
    lengths = [body["vllm_xargs"]["target_tokens"] for body in requests]
    guesses = forecasts(requests, server.max_model_len)
    triples = zip(sizes, lengths, guesses, strict=True)
    return [Request(size, length, guess, model=MODEL) for size, length, guess in triples]
