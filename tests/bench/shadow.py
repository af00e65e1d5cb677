"""What the shadow says was saved, against a real A/B on emulated workers.

    python -m tests.bench.shadow --runs FILE [--seeds 5] [--minutes 10] [--check]

Each run sends the same requests at the same times to two workers: to one directly (stock), to the
other through a gateway as it is installed, whose shadow replays the run after its end. Both arms
run side by side, as do the regimes, so that a machine that is slow for a moment is so for all. The
shadow's page is compared with what the clients of both arms measured, in seconds of the clock.

Two regimes: ``slots`` (8 sequences, memory for all) and ``memory`` (64 sequences, 3,200 KV tokens).
Load 1 is the capacity of stock in the simulator. The load is mixed: busy minutes take turns with
quiet ones. Forty kinds of prompts, each with its own typical length, so that forecasts learn. Each
finished run is a line of the file of ``--runs``; the same command continues, and prints the table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean, median
from typing import Any

from gateway.emulator import EmulatorConfig
from scheduler.length import LengthDistribution
from scheduler.records import RequestRecord
from scheduler.sim.arms import STOCK, Server
from scheduler.sim.capacity import capacity
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.measures import quantile
from scheduler.sim.request import Request
from tests.bench.burst import server_process
from tests.bench.load import stream_all
from tests.bench.paced_emulator import pace_of, run_paced
from tests.bench.processes import free_port
from tests.bench.sustained import Journal
from tests.vllm.engine import read_metrics

MODEL = "emulated"
COSTS = StepCosts(0.05, 2e-4, 2e-6, 2e-4)
"""Slow steps: the emulator's own work is little beside them."""

_ORDER: dict[str, Any] = {"scheduling_policy": "priority"}

REGIMES = {
    "slots": EngineConfig(max_num_seqs=8, num_blocks=4096, max_model_len=1024, **_ORDER),
    "memory": EngineConfig(max_num_seqs=64, num_blocks=200, max_model_len=1024, **_ORDER),
}
PHASE_S = 60.0
"""Seconds of the engine of a busy or quiet phase. Phases take turns."""

LOADS = {"slots": (1.4, 0.6), "memory": (1.2, 0.4)}
"""The loads of both phases. Where memory is short, preemptions cost a part of the capacity."""

SPEEDS = {"slots": 2.0, "memory": 1.0}
"""Seconds of the engine in one of the clock."""

KINDS, LONGEST = 40, 400
DRAIN_S = 60.0
"""Seconds from the last arrival to the replay, in which all requests end."""

PATIENCE_S = 1200.0
MEASURES = ("mean_per_token", "mean_e2e", "p99_e2e", "mean_ttft", "p99_ttft")


def bodies(count: int, seed: int) -> list[dict[str, Any]]:
    """Requests of forty kinds, whose answers' lengths vary by a factor within a kind."""
    rng = random.Random(seed)
    kinds = [(rng.lognormvariate(3.6, 1.0), rng.randint(5, 60)) for _ in range(KINDS)]
    made = []
    for _ in range(count):
        kind = rng.randrange(KINDS)
        typical, words = kinds[kind]
        prompt = f"Task {kind} of {seed}: " + " ".join(["describe"] * words)
        tokens = min(LONGEST, max(1, round(typical * rng.lognormvariate(0, 0.3))))
        messages = [{"role": "user", "content": prompt}]
        target = {"vllm_xargs": {"target_tokens": tokens}}
        made.append({"model": MODEL, "messages": messages, **target})
    return made


def rate_of(regime: str, seed: int) -> float:
    """Requests a second of the engine at load 1."""
    requests = [
        Request(40, body["vllm_xargs"]["target_tokens"], LengthDistribution.point(1))
        for body in bodies(500, seed)
    ]
    return capacity(requests, [Server(REGIMES[regime], COSTS)])


def times(regime: str, rate: float, seconds: float, seed: int) -> list[float]:
    """Arrivals in ``seconds`` of the engine: Poisson, busy and quiet phases in turn."""
    rng, found = random.Random(1000 + seed), list[float]()
    for phase in range(math.ceil(seconds / PHASE_S)):
        at, load = phase * PHASE_S, LOADS[regime][phase % 2]
        end = min(at + PHASE_S, seconds)
        while (at := at + rng.expovariate(load * rate)) < end:
            found.append(at)
    return found


@contextmanager
def gateway(worker: str, slots: int, seconds: float) -> Iterator[tuple[str, str]]:
    """A gateway that replays every so many seconds, and shows figures, right or wrong.

    The URLs for clients and operators.
    """
    admin = f"127.0.0.1:{free_port()}"
    settings = {
        "workers": [{"url": worker, "max_num_seqs": slots}],
        "admin": {"listen": admin},
        "predictor": {"refine": False},
        "shadow": {
            **{"enabled": "on", "window_s": 3600, "interval_s": seconds},
            **{"most_requests": 20_000, "tolerance": 10},
        },
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(settings, file)
        file.flush()
        flags = ("serve", "--config", file.name, "--port", "0")
        with server_process("gateway.cli", *flags) as url:
            yield url, f"http://{admin}"


def page_of(admin: str, requests: int) -> dict[str, Any]:
    """The shadow's page once it is about all requests."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with urllib.request.urlopen(admin + "/admin/shadow", timeout=30) as reply:
            page: dict[str, Any] = json.load(reply)
        if page.get("requests") == requests and "arms" in page:
            return page
        assert time.monotonic() < deadline, page
        time.sleep(1)


def measured(records: Sequence[RequestRecord]) -> dict[str, float]:
    """The measures by the clients' clocks, in seconds."""
    e2e = sorted(one.e2e or 0.0 for one in records)
    ttft = sorted(one.ttft or 0.0 for one in records)
    return {
        "mean_per_token": fmean(one.normalised_latency or 0.0 for one in records),
        "mean_e2e": fmean(e2e),
        "p99_e2e": quantile(e2e, 0.99),
        "mean_ttft": fmean(ttft),
        "p99_ttft": quantile(ttft, 0.99),
    }


async def both(
    urls: Sequence[str], sent: Sequence[dict[str, Any]], at: Sequence[float]
) -> list[list[RequestRecord]]:
    """The same requests at the same times to each URL."""
    return await asyncio.gather(*(stream_all(url, sent, at) for url in urls))


def run(regime: str, seed: int, minutes: float) -> dict[str, Any]:
    """One run of both arms."""
    speed = SPEEDS[regime]
    arrivals = times(regime, rate_of(regime, seed), 60 * minutes * speed, seed)
    sent, at = bodies(len(arrivals), seed), [arrival / speed for arrival in arrivals]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(server_process("tests.bench.shadow", "--worker", regime))
            for _ in range(2)
        ]
        slots = REGIMES[regime].max_num_seqs
        url, admin = stack.enter_context(gateway(workers[1], slots, at[-1] + DRAIN_S))
        direct, through = asyncio.run(both((workers[0], url), sent, at))
        page = page_of(admin, len(sent))
        preempted = [read_metrics(one)["vllm:num_preemptions_total"] for one in workers]
        paces = [taken / due for taken, due in map(pace_of, workers)]
    return {
        "requests": len(sent),
        "minutes": minutes,
        "stock": measured(direct),
        "actual": measured(through),
        "preempted": preempted,
        "page": page,
        "pace": paces,
        "load_average": os.getloadavg()[1],
    }


def row(line: dict[str, Any]) -> dict[str, float]:
    """For each measure: what was saved really and by the shadow, and how far the shadow is off.

    Once as a share of what was saved, once of the latency under stock.
    """
    found: dict[str, float] = {}
    for name in MEASURES:
        stock = line["stock"][name]
        real = stock - line["actual"][name]
        said = line["page"]["saved"]["stock"]["all"][name]["seconds"]
        found |= {f"real {name}": real, f"said {name}": said}
        found |= {f"of saved {name}": said / real - 1, f"of stock {name}": (said - real) / stock}
    return found


MOST_OFF = {"mean": ("of saved", 0.2), "p99": ("of stock", 0.25)}
"""How far the shadow may be off, and of what. What is saved of a p99 is often nearly nothing."""


def too_far_off(found: Sequence[dict[str, Any]]) -> list[str]:
    """The regimes and measures whose median error over the seeds is too large, with the error."""
    wrong = []
    for regime in {line["regime"] for line in found}:
        rows = [row(line) for line in found if line["regime"] == regime]
        for name in MEASURES:
            of, most = MOST_OFF[name.partition("_")[0]]
            error = median(one[f"{of} {name}"] for one in rows)
            if abs(error) > most:
                wrong.append(f"{regime} {name}: {error:+.0%} {of}")
    return wrong


def table_of(found: Sequence[dict[str, Any]]) -> str:
    """Markdown: for each regime and measure the medians over the seeds, least and greatest."""
    lines = [
        "| regime | measure | stock, s | saved, A/B, s | saved, shadow, s | error of the saving "
        "| error by stock's latency | replay's own error |",
        "|---" * 8 + "|",
    ]
    for regime in REGIMES:
        runs = [line for line in found if line["regime"] == regime]
        for name in MEASURES if runs else ():
            rows = [row(line) for line in runs]
            cells = [_spread([line["stock"][name] for line in runs], ".3g")]
            cells += [
                _spread([one[f"{kind} {name}"] for one in rows], ".3g") for kind in ("real", "said")
            ]
            for kind in ("of saved", "of stock"):
                cells.append(_spread([one[f"{kind} {name}"] for one in rows], "+.0%"))
            own = [line["page"]["model"]["error_ratio"][name] for line in runs]
            cells.append(_spread(own, "+.0%"))
            lines.append(f"| {regime} | {name} | " + " | ".join(cells) + " |")
        if runs:
            stock, ours = ([line["preempted"][arm] for line in runs] for arm in (0, 1))
            said = [line["page"]["saved"]["stock"]["all"]["preemptions"] for line in runs]
            spared = [one - other for one, other in zip(stock, ours, strict=True)]
            lines.append(
                f"| {regime} | preemptions | {_spread(stock, '.0f')} | {_spread(spared, '.0f')} "
                f"| {_spread(said, '.0f')} | | | |"
            )
    return "\n".join(lines)


def paces_of(found: Sequence[dict[str, Any]]) -> str:
    """A line for each regime: how long steps took by the clock, which should be 1 times as due."""
    lines = []
    for regime in REGIMES:
        ratios = [one for line in found if line["regime"] == regime for one in line["pace"]]
        if ratios:
            lines.append(f"{regime}: steps took {_spread(ratios, '.3f')} times as long as due")
    return "\n".join(lines)


def _spread(values: Sequence[float], style: str) -> str:
    low, high = format(min(values), style), format(max(values), style)
    return f"{format(median(values), style)} ({low}..{high})"


def worker(regime: str) -> None:
    """Run an emulated worker until SIGTERM; prints its URL."""
    run_paced(EmulatorConfig((MODEL,), REGIMES[regime], COSTS, SPEEDS[regime]))


def main() -> None:
    """Make the missing runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=Path, metavar="FILE")
    parser.add_argument("--worker", choices=tuple(REGIMES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--regimes", default=",".join(REGIMES))
    parser.add_argument("--at-once", type=int, default=1, help="seeds that run side by side")
    parser.add_argument("--check", action="store_true", help="fail if it is too far off")
    args = parser.parse_args()
    if args.worker:
        worker(args.worker)
        return
    journal = Journal(args.runs)
    seeds = range(args.seeds)
    for batch in (seeds[at : at + args.at_once] for at in range(0, args.seeds, args.at_once)):
        pairs = [(regime, seed) for seed in batch for regime in args.regimes.split(",")]
        missing = [one for one in pairs if journal.find(regime=one[0], seed=one[1]) is None]
        with ThreadPoolExecutor(len(pairs)) as threads:
            lines = threads.map(lambda one: run(one[0], one[1], args.minutes), missing)
            for (regime, seed), line in zip(missing, lines, strict=True):
                journal.add(regime=regime, seed=seed, arm=STOCK, **line)
                print(regime, seed, row(line), file=sys.stderr, flush=True)
    print(table_of(journal.lines), paces_of(journal.lines), sep="\n")
    if args.check and (wrong := too_far_off(journal.lines)):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
