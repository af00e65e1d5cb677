"""Is the simulator right? The same requests through a real vLLM and through its model.

    python -m tests.bench.validity [--requests 90] [--repeats 2] [--seed 0] [--check] [--out DIR]

The engine is calibrated as it runs (one CPU core, the clients on the other) and serves held-out
CASTILLO prompts with their lengths at three loads, first come first served and shortest expected
first. The simulator gets the calibration, the same arrivals, the prompts as vLLM counts them and
the forecasts the gateway made. Load 1 is what the simulated engine achieves alone. A real run is
repeated, and calibrated again in between, because the speed of a small machine drifts: what is
compared are the medians over the repeats.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import aiohttp
import numpy as np

from gateway.calibrate.plan import Calibration, calibrate
from gateway.calibrate.run import cost_model, summary
from gateway.calibrate.server import Server as Measured
from gateway.cost_model import CostModel
from scheduler.sim.arms import Arm, Server
from scheduler.sim.arrivals import poisson
from scheduler.sim.capacity import capacity
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate
from tests.bench.burst import CLIENT_CPU, ENGINE_CPU, MAX_NUM_SEQS, MODEL, bodies
from tests.bench.frozen_gateway import forecasts, frozen_gateway
from tests.bench.load import stream_all
from tests.vllm.engine import VllmServer

LOADS = (0.5, 0.8, 1.5)
POLICIES = ("fcfs", "sejf")
MAX_OUTPUT = 300
TOLERANCE = 0.15
BLOCK = 128


@dataclass(frozen=True, slots=True)
class Comparison:
    """One policy at one load, real (the median over the repeats) and simulated: seconds."""

    policy: str
    load: float
    real_mean: float
    simulated_mean: float
    real_p99: float
    simulated_p99: float

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


@dataclass(slots=True)
class Study:
    """An engine and the requests it gets."""

    server: VllmServer
    requests: list[dict[str, Any]]
    simulated: list[Request]
    seed: int
    rate: float = 1.0
    """Requests a second at load 1."""

    def engines(self, costs: CostModel) -> list[Server]:
        """The engine's model."""
        config = EngineConfig(
            max_num_seqs=MAX_NUM_SEQS,
            num_blocks=(costs.limits.kv_tokens or 0) // BLOCK,
            block_size=BLOCK,
            max_model_len=self.server.max_model_len,
        )
        return [Server(config, costs.step_costs)]

    def measure(self, policy: str) -> list[Observed]:
        """The real runs of one policy, at every load."""
        observed = []
        with frozen_gateway(self.server.url, policy, MAX_NUM_SEQS) as url:
            for load in LOADS:
                beside = asyncio.run(idle_latency(url)) - asyncio.run(idle_latency(self.server.url))
                records = asyncio.run(stream_all(url, self.requests, self.arrivals(load)))
                latencies = [record.e2e or 0.0 for record in records]
                observed.append(Observed(policy, load, latencies, max(0.0, beside)))
        return observed

    def arrivals(self, load: float) -> list[float]:
        """The same gaps at every load, longer or shorter."""
        return poisson(len(self.requests), load * self.rate, random.Random(self.seed))

    def compare(
        self, policy: str, load: float, runs: Sequence[Observed], costs: CostModel
    ) -> Comparison:
        """One policy at one load, both ways."""
        beside = costs.fit.request_latency + median(run.gateway_latency for run in runs)
        arm = Arm(policy, latency=beside)
        outcome = simulate(self.simulated, self.arrivals(load), self.engines(costs), arm)
        ours = [record.e2e or 0.0 for record in outcome.records]
        return Comparison(
            policy=policy,
            load=load,
            real_mean=median(mean(run.latencies) for run in runs),
            simulated_mean=mean(ours),
            real_p99=median(p99(run.latencies) for run in runs),
            simulated_p99=p99(ours),
        )


def p99(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return float(np.percentile(values, 99))


def run(count: int, seed: int, repeats: int, budget_s: float) -> tuple[list[Comparison], CostModel]:
    """Calibrate before the runs and after each repeat."""
    os.sched_setaffinity(0, CLIENT_CPU)
    requests = bodies(count, seed, max_output=MAX_OUTPUT)
    with VllmServer(
        served_model_names=[MODEL],
        max_num_seqs=MAX_NUM_SEQS,
        cpus=ENGINE_CPU,
        extra_args=["--no-enable-prefix-caching"],
    ) as server:
        study = Study(server, requests, simulated(server, requests), seed)
        calibrations = [asyncio.run(measure_costs(server.url, budget_s))]
        first = cost_model(calibrations[0])
        study.rate = capacity(study.simulated, study.engines(first))
        observed: list[Observed] = []
        for _ in range(repeats):
            for policy in POLICIES:
                observed += study.measure(policy)
            calibrations.append(asyncio.run(measure_costs(server.url, budget_s)))
            print(summary(cost_model(calibrations[-1])), file=sys.stderr)
    costs = merged(calibrations)
    print(summary(costs), file=sys.stderr)
    cells = [(policy, load) for policy in POLICIES for load in LOADS]
    runs = {cell: [run for run in observed if (run.policy, run.load) == cell] for cell in cells}
    return [study.compare(*cell, runs[cell], costs) for cell in cells], costs


def simulated(server: VllmServer, requests: Sequence[dict[str, Any]]) -> list[Request]:
    """The same requests as the simulator takes them."""
    sizes = asyncio.run(prompt_tokens(server.url, requests))
    lengths = [body["vllm_xargs"]["target_tokens"] for body in requests]
    guesses = forecasts(requests, server.max_model_len)
    triples = zip(sizes, lengths, guesses, strict=True)
    return [Request(size, length, guess, model=MODEL) for size, length, guess in triples]


def row(found: Comparison) -> str:
    """A line of the table."""
    errors = "".join(f" {error:+.0%} |" for error in found.errors)
    return (
        f"| {found.policy} | {found.load} | {found.real_mean:.2f} | {found.simulated_mean:.2f} | "
        f"{found.real_p99:.2f} | {found.simulated_p99:.2f} |{errors}"
    )


def table(found: Sequence[Comparison]) -> str:
    """Markdown."""
    head = "| policy | load | mean E2E, s | simulated | p99 E2E, s | simulated | mean | p99 |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *map(row, found)])


def main() -> None:
    """Measure, print the table, write the report; with --check fail beyond the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget-s", type=float, default=8.0, help="of each calibration")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    found, costs = run(args.requests, args.seed, args.repeats, args.budget_s)
    print(table(found))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "validity.md").write_text(table(found) + "\n")
        data = {"runs": [asdict(one) for one in found], "cost_model": costs.model_dump()}
        (args.out / "validity.json").write_text(json.dumps(data, indent=1) + "\n")
    if args.check:
        worst = max(abs(error) for one in found for error in one.errors)
        assert worst <= TOLERANCE, f"the simulator is off by {worst:.0%}, more than {TOLERANCE:.0%}"


if __name__ == "__main__":
    main()
