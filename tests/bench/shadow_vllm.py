"""What the shadow says was saved, against a real A/B on real vLLM engines.

    python -m tests.bench.shadow_vllm --runs FILE [--seeds 2] [--minutes 10]
                                      [--regimes slots,memory] [--check]

As ``tests.bench.shadow``, with a vLLM server (CPU build, tiny random model) for the emulated
workers. The engine has one CPU core, gateway and clients the other, so the arms run one after
another: stock, gateway, stock. Stock's figures are the means of both runs, and how far these are
apart is printed below the table: less than that no shadow can foresee. Load 1 is the rate at which
the engine alone ends 200 requests that come at once, measured before each run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from scheduler.sim.capacity import SHARE
from tests.bench.burst import CLIENT_CPU, ENGINE_CPU
from tests.bench.load import stream_all
from tests.bench.processes import go_first, share_of
from tests.bench.shadow import (
    MODEL,
    bodies,
    gateway,
    page_of,
    times,
)
from tests.bench.shadow_table import MEASURES, measured, row, table_of, too_far_off
from tests.bench.sustained import Journal
from tests.vllm.engine import VllmServer, read_metrics

REGIMES: dict[str, dict[str, Any]] = {
    "slots": {"max_num_seqs": 4},
    "memory": {"max_num_seqs": 32, "num_gpu_blocks_override": 14},
}
"""Which resource is scarce: sequences, or KV blocks of 128 tokens."""

CONTEXT = 1024
DRAIN_S = 40.0
"""As in ``tests.bench.shadow``; waits are shorter here."""

TRIAL = 200
"""Requests that measure the capacity."""


def engine(regime: str) -> VllmServer:
    """A server without a prefix cache: prompts of a kind are alike."""
    return VllmServer(
        served_model_names=[MODEL],
        max_model_len=CONTEXT,
        scheduling_policy="priority",
        cpus=ENGINE_CPU,
        extra_args=["--no-enable-prefix-caching"],
        **REGIMES[regime],
    )


def capacity(url: str, seed: int) -> float:
    """Requests a second that the engine ends under full load."""
    sent, begun = bodies(TRIAL, 1000 + seed), time.monotonic()
    records = asyncio.run(stream_all(url, sent, [0.0] * TRIAL))
    last = sorted(one.finished or 0.0 for one in records)[round(SHARE * TRIAL) - 1]
    return SHARE * TRIAL / (last - begun)


def run(regime: str, seed: int, minutes: float) -> dict[str, Any]:
    """One run of both arms."""
    os.sched_setaffinity(0, CLIENT_CPU)
    with engine(regime) as server:
        share_of(server.pid, os.getpriority(os.PRIO_PROCESS, 0))  # it has a session of its own
        rate = capacity(server.url, seed)
        at = times(regime, rate, 60 * minutes, seed)
        sent, slots = bodies(len(at), seed), REGIMES[regime]["max_num_seqs"]
        counts, stock = [_preemptions(server.url)], [_stock(server.url, sent, at)]
        counts.append(_preemptions(server.url))
        with gateway(server.url, slots, at[-1] + DRAIN_S) as (url, admin):
            through = asyncio.run(stream_all(url, sent, at))
            counts.append(_preemptions(server.url))
            page = page_of(admin, len(sent))
        stock.append(_stock(server.url, sent, at))
        counts.append(_preemptions(server.url))
    first, ours, again = (after - before for before, after in pairwise(counts))
    return {
        "requests": len(sent),
        "minutes": minutes,
        "rate": rate,
        "stock": {name: fmean(one[name] for one in stock) for name in MEASURES},
        "stock_runs": stock,
        "actual": measured(through),
        "preempted": [(first + again) / 2, ours],
        "page": page,
        "load_average": os.getloadavg()[1],
    }


def _stock(url: str, sent: list[dict[str, Any]], at: list[float]) -> dict[str, float]:
    return measured(asyncio.run(stream_all(url, sent, at)))


def unsteadiness(found: list[dict[str, Any]]) -> str:
    """A line for each run: how far apart the two runs of stock are, which no shadow can foresee."""
    lines = []
    for line in found:
        before, after = line["stock_runs"]
        apart = ", ".join(f"{name} {after[name] / before[name] - 1:+.0%}" for name in MEASURES)
        lines.append(f"{line['regime']} {line['seed']}: stock again: {apart}")
    return "\n".join(lines)


def _preemptions(url: str) -> float:
    return read_metrics(url)["vllm:num_preemptions_total"]


def main() -> None:
    """Make the missing runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=Path, metavar="FILE", required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--regimes", default=",".join(REGIMES))
    parser.add_argument("--check", action="store_true", help="fail if it is too far off")
    args = parser.parse_args()
    go_first()
    journal = Journal(args.runs)
    for seed in range(args.seeds):
        for regime in args.regimes.split(","):
            if journal.find(regime=regime, seed=seed) is None:
                line = run(regime, seed, args.minutes)
                journal.add(regime=regime, seed=seed, arm="stock", **line)
                print(regime, seed, row(line), file=sys.stderr, flush=True)
    print(table_of(journal.lines, REGIMES), unsteadiness(journal.lines), sep="\n")
    if args.check and (wrong := too_far_off(journal.lines)):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
