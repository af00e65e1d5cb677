"""One policy at one load, through a real vLLM and through its model."""

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
    """One policy at one load, real and simulated: seconds, the medians over the repeats.

    ``paces`` are the real seconds that a priced one took, one for each repeat.
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
    """One real run: end-to-end latencies in seconds of its clock."""

    policy: str
    load: float
    latencies: list[float]
    gateway_latency: float
    """Seconds that the gateway adds to an answer of an idle server."""
    pace: float
    """Real seconds for one of the clock's."""


@dataclass(frozen=True, slots=True)
class Study:
    """An engine, what its steps cost, and the requests it gets."""

    server: VllmServer
    costs: CostModel
    requests: list[dict[str, Any]]
    simulated: list[Request]
    seed: int
    clock: Clock

    def engines(self) -> list[Server]:
        """The engine's model."""
        config = EngineConfig(
            max_num_seqs=MAX_NUM_SEQS,
            num_blocks=(self.costs.limits.kv_tokens or 0) // BLOCK,
            block_size=BLOCK,
            max_model_len=self.server.max_model_len,
        )
        return [Server(config, self.costs.step_costs)]

    def measure(self, policy: str) -> list[Observed]:
        """The real runs of one policy, at every load."""
        observed = []
        for load in LOADS:
            # A gateway for each run, as the simulator's: what it learns of the pace decides ageing.
            with frozen_gateway(self.server.url, policy, MAX_NUM_SEQS) as url:
                begun = time.monotonic(), self.clock()
                records = asyncio.run(
                    stream_all(url, self.requests, self.arrivals(load), self.clock)
                )
                real, priced = time.monotonic() - begun[0], self.clock() - begun[1]
                beside = asyncio.run(idle_latency(url)) - asyncio.run(idle_latency(self.server.url))
            latencies = [record.e2e or 0.0 for record in records]
            observed.append(Observed(policy, load, latencies, max(0.0, beside), real / priced))
        return observed

    def arrivals(self, load: float) -> list[float]:
        """The same gaps at every load, longer or shorter. Load 1: the simulated engine alone."""
        rate = load * capacity(self.simulated, self.engines())
        return poisson(len(self.requests), rate, random.Random(self.seed))

    def compare(self, policy: str, load: float, runs: Sequence[Observed]) -> Comparison:
        """One policy at one load, both ways."""
        beside = self.costs.fit.request_latency + median(run.gateway_latency for run in runs)
        arm = Arm(policy, latency=beside)
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


def simulated(server: VllmServer, requests: Sequence[dict[str, Any]]) -> list[Request]:
    """The same requests as the simulator takes them."""
    sizes = asyncio.run(prompt_tokens(server.url, requests))
    lengths = [body["vllm_xargs"]["target_tokens"] for body in requests]
    guesses = forecasts(requests, server.max_model_len)
    triples = zip(sizes, lengths, guesses, strict=True)
    return [Request(size, length, guess, model=MODEL) for size, length, guess in triples]
