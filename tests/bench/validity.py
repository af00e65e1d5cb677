"""Is the simulator right? The same requests through a real vLLM and through its model.

    python -m tests.bench.validity [--requests 150] [--seed 0] [--check] [--out DIR]

The engine is calibrated as it runs (one CPU core, the clients on the other), then serves held-out
CASTILLO prompts with their lengths at three loads, first come first served and shortest expected
first. The simulator gets the calibration, the same arrivals, the prompts as vLLM counts them and
the forecasts the gateway made. Load 1 is what the simulated engine achieves alone.
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
from scheduler.sim.simulator import Request, simulate
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
    """One run, real and simulated: seconds."""

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
    async with Measured(url) as server:
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


@dataclass(slots=True)
class Study:
    """A calibrated engine and the requests it gets."""

    server: VllmServer
    costs: CostModel
    requests: list[dict[str, Any]]
    simulated: list[Request]
    rng_seed: int

    @property
    def engines(self) -> list[Server]:
        """The engine's model."""
        config = EngineConfig(
            max_num_seqs=MAX_NUM_SEQS,
            num_blocks=(self.costs.limits.kv_tokens or 0) // BLOCK,
            block_size=BLOCK,
            max_model_len=self.server.max_model_len,
        )
        return [Server(config, self.costs.step_costs)]

    def compare(self, policy: str, load: float, rate: float) -> Comparison:
        """One run, both ways."""
        arrivals = poisson(len(self.requests), load * rate, random.Random(self.rng_seed))
        with frozen_gateway(self.server.url, policy, MAX_NUM_SEQS) as url:
            through = asyncio.run(idle_latency(url))
            records = asyncio.run(stream_all(url, self.requests, arrivals))
        direct = asyncio.run(idle_latency(self.server.url))
        outcome = simulate(self.simulated, arrivals, self.engines, Arm(policy))
        beside = self.costs.fit.request_latency + max(0.0, through - direct)
        real = [record.e2e or 0.0 for record in records]
        ours = [(record.e2e or 0.0) + beside for record in outcome.records]
        p99s = (float(np.percentile(values, 99)) for values in (real, ours))
        return Comparison(policy, load, mean(real), mean(ours), *p99s)


def run(count: int, seed: int, budget_s: float) -> tuple[list[Comparison], CostModel]:
    """Calibrate, then all runs."""
    os.sched_setaffinity(0, CLIENT_CPU)
    requests = bodies(count, seed, max_output=MAX_OUTPUT)
    with VllmServer(
        served_model_names=[MODEL], max_num_seqs=MAX_NUM_SEQS, cpus=ENGINE_CPU
    ) as server:
        sizes = asyncio.run(prompt_tokens(server.url, requests))
        guesses = forecasts(requests, server.max_model_len)
        lengths = [body["vllm_xargs"]["target_tokens"] for body in requests]
        sizes_and_lengths = zip(sizes, lengths, guesses, strict=True)
        simulated = [Request(*one, model=MODEL) for one in sizes_and_lengths]
        costs = merged([asyncio.run(measure_costs(server.url, budget_s))])
        print(summary(costs), file=sys.stderr)
        study = Study(server, costs, requests, simulated, seed)
        rate = capacity(simulated, study.engines)
        found = []
        for load in LOADS:
            for policy in POLICIES:
                found.append(study.compare(policy, load, rate))
                print(row(found[-1]), file=sys.stderr, flush=True)
        return found, costs


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
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget-s", type=float, default=25.0, help="of the calibration")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    found, costs = run(args.requests, args.seed, args.budget_s)
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
