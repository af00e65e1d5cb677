"""One policy at one load, on a real vLLM and on its model."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

import aiohttp
import numpy as np

from gateway.calibrate.cost_model import CostModel
from scheduler.sim.arms import Arm, Server
from scheduler.sim.arrivals import poisson
from scheduler.sim.capacity import capacity
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate
from tests.bench.burst import MAX_NUM_SEQS, MODEL, bodies
from tests.bench.frozen_gateway import forecasts, frozen_gateway
from tests.bench.load import Clock, stream_all
from tests.vllm.engine import VllmServer

LOADS = (0.5, 0.8, 1.5)
POLICIES = ("fcfs", "sejf")
MAX_OUTPUT = 300
BLOCK = 128


@dataclass(frozen=True, slots=True)
class Comparison:
    """One policy at one load, real and simulated: end-to-end latencies in seconds.

    Real values are medians over the repeats. ``paces`` are the real seconds per priced second, one
    per repeat.
    """

    policy: str
    load: float
    real_mean: float
    simulated_mean: float
    real_p99: float
    simulated_p99: float
    paces: list[float]

    @property
    def errors(self) -> tuple[float, float]:
        """Relative errors of mean and p99."""
        return self.simulated_mean / self.real_mean - 1, self.simulated_p99 / self.real_p99 - 1


async def prompt_tokens(url: str, requests: Sequence[dict[str, Any]]) -> list[int]:
    """The prompts' sizes in tokens, by vLLM's tokenizer."""
    sizes = []
    async with aiohttp.ClientSession() as session:
        for body in requests:
            prompt = {"model": MODEL, "messages": body["messages"]}
            async with session.post(url + "/tokenize", json=prompt) as response:
                sizes.append(int((await response.json())["count"]))
    return sizes


async def idle_latency(url: str) -> float:
    """Median seconds of a chat answer of one token on an idle server."""
    body = {**bodies(1, 77, max_output=MAX_OUTPUT)[0], "vllm_xargs": {"target_tokens": 1}}
    seconds = []
    for _ in range(15):
        (record,) = await stream_all(url, [body], [0.0])
        seconds.append(record.e2e or 0.0)
    return median(seconds)


@dataclass(frozen=True, slots=True)
class RealRun:
    """One run on vLLM: end-to-end latencies in seconds of the step clock."""

    policy: str
    load: float
    latencies: list[float]
    gateway_latency: float
    """Seconds that the gateway adds to an answer on an idle server."""
    pace: float
    """Real seconds per second of the step clock."""


@dataclass(frozen=True, slots=True)
class ValidityStudy:
    """An engine, its step costs, and its requests."""

    server: VllmServer
    costs: CostModel
    requests: list[dict[str, Any]]
    simulated: list[Request]
    seed: int
    clock: Clock

    def engines(self) -> list[Server]:
        """The model of the engine."""
        config = EngineConfig(
            max_num_seqs=MAX_NUM_SEQS,
            num_blocks=(self.costs.limits.kv_tokens or 0) // BLOCK,
            block_size=BLOCK,
            max_model_len=self.server.max_model_len,
        )
        return [Server(config, self.costs.step_costs)]

    def measure(self, policy: str) -> list[RealRun]:
        """The real runs of one policy, one per load."""
        observed = []
        for load in LOADS:
            # A new gateway per run, as in the simulator: the speed that it learns decides ageing.
            with frozen_gateway(self.server.url, policy, MAX_NUM_SEQS) as url:
                start = time.monotonic(), self.clock()
                records = asyncio.run(
                    stream_all(url, self.requests, self.arrivals(load), self.clock)
                )
                real, priced = time.monotonic() - start[0], self.clock() - start[1]
                added = asyncio.run(idle_latency(url)) - asyncio.run(idle_latency(self.server.url))
            latencies = [record.e2e or 0.0 for record in records]
            observed.append(RealRun(policy, load, latencies, max(0.0, added), real / priced))
        return observed

    def arrivals(self, load: float) -> list[float]:
        """The same gaps at every load, stretched. Load 1: the simulated engine alone."""
        rate = load * capacity(self.simulated, self.engines())
        return poisson(len(self.requests), rate, random.Random(self.seed))

    def compare(self, policy: str, load: float, runs: Sequence[RealRun]) -> Comparison:
        """Compare the real runs of a policy and load with a simulated run."""
        latency = self.costs.fit.request_latency + median(run.gateway_latency for run in runs)
        arm = Arm(policy, latency=latency)
        outcome = simulate(self.simulated, self.arrivals(load), self.engines(), arm)
        simulated = [record.e2e or 0.0 for record in outcome.records]
        return Comparison(
            policy=policy,
            load=load,
            real_mean=median(mean(run.latencies) for run in runs),
            simulated_mean=mean(simulated),
            real_p99=median(p99(run.latencies) for run in runs),
            simulated_p99=p99(simulated),
            paces=[run.pace for run in runs],
        )


def p99(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return float(np.percentile(values, 99))


def simulated_requests(server: VllmServer, requests: Sequence[dict[str, Any]]) -> list[Request]:
    """The same requests in the form that the simulator takes."""
    sizes = asyncio.run(prompt_tokens(server.url, requests))
    lengths = [body["vllm_xargs"]["target_tokens"] for body in requests]
    forecast = forecasts(requests, server.max_model_len)
    triples = zip(sizes, lengths, forecast, strict=True)
    return [Request(size, tokens, length, model=MODEL) for size, tokens, length in triples]
