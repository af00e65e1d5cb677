"""Speed of the simulator, and its memory for 100,000 requests.

    python -m tests.bench.simulator [--policy sejf] [--requests 100000]

Lengths are log-normal (median 300 tokens), forecasts are drawn with an error of 0.55 in log tokens,
arrivals are Poisson at a load of 1.05. Times are CPU times, which repeat on a machine with other
load.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Sequence

from gateway.simulate.inputs.length_trace import SIGMA, draw_forecast
from scheduler.sim.arms import STOCK, Arm, Server
from scheduler.sim.arrivals import poisson
from scheduler.sim.capacity import capacity
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate

SETTINGS = ((32, 10_000_000), (256, 10_000_000), (256, 60_000), (256, 24_000))
"""(sequence limit, KV tokens): the first two are sequence-bound, the others KV-bound."""

LONGEST_ANSWER = 15_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", default="sejf")
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory")
    parser.add_argument("--speed-requests", type=int, default=6000, help="for the speed")
    options = parser.parse_args(arguments)
    few = draw(options.speed_requests)
    print("| sequences | KV tokens | engine alone, M tokens/s | with", end=" ")
    print(f"{options.policy}, M tokens/s | steps | preemptions |\n|---|---|---|---|---|---|")
    for sequences, kv_tokens in SETTINGS:
        engine = server(sequences, kv_tokens)
        alone, _, _ = speed(few, engine, STOCK)
        ours, steps, preemptions = speed(few, engine, options.policy)
        cells = (sequences, f"{kv_tokens:,}", f"{alone:.2f}", f"{ours:.2f}", f"{steps:,}")
        print(f"| {' | '.join(map(str, cells))} | {preemptions:,} |", flush=True)
    many = draw(options.requests)
    speed(many, server(256, 10_000_000), options.policy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"\npeak memory of {options.requests:,} requests, each with its forecast: {peak:.0f} MB")
    return 0


def server(sequences: int, kv_tokens: int) -> Server:
    """An engine with these limits."""
    config = EngineConfig(
        max_num_seqs=sequences, num_blocks=kv_tokens // 16, max_model_len=2 * LONGEST_ANSWER
    )
    return Server(config)


def draw(count: int) -> list[Request]:
    """Requests of log-normal length."""
    rng = random.Random(1)
    requests = []
    for _ in range(count):
        length = min(LONGEST_ANSWER, max(1, round(rng.lognormvariate(5.7, 0.9))))
        requests.append(Request(rng.randint(20, 400), length, draw_forecast(length, SIGMA, rng)))
    return requests


def speed(requests: list[Request], engine: Server, policy: str) -> tuple[float, int, int]:
    """Simulated output tokens (millions) per CPU second, engine steps, and preemptions."""
    rate = 1.05 * capacity(requests[:5000], [engine])
    arrivals = poisson(len(requests), rate, random.Random(2))
    begun = time.process_time()
    outcome = simulate(requests, arrivals, [engine], Arm(policy))
    spent = time.process_time() - begun
    return outcome.generated / spent / 1e6, outcome.steps, outcome.preemptions


if __name__ == "__main__":
    sys.exit(main())
