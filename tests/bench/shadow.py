"""What the shadow says was saved, against a real A/B on emulated workers.

    python -m tests.bench.shadow --runs FILE [--seeds 5] [--minutes 10] [--at-once 1] [--check]

Each run sends the same requests at the same times to two workers: to one directly (stock), to the
other through a gateway as it is installed, whose shadow replays the run after its end. Both arms
run side by side, as do the regimes, so that a machine that is slow for a moment is so for all. The
shadow's page is compared with what the clients of both arms measured, in seconds of the clock.

Two regimes: ``slots`` (8 sequences, memory for all) and ``memory`` (64 sequences, 3,200 KV tokens).
Load 1 is the capacity of stock in the simulator. The load is mixed: busy minutes take turns with
quiet ones. Forty kinds of prompts, each with its own typical length, so that forecasts learn. Each
finished run is a line of the file of ``--runs``; the same command continues, and prints the table.
Below it stands whether the emulators' steps kept their time: where the machine starves them, what
is measured is the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gateway.emulator import EmulatorConfig
from gateway.replay.__main__ import LOWEST_PRIORITY
from scheduler.length import LengthDistribution
from scheduler.records import RequestRecord
from scheduler.sim.arms import STOCK, Server
from scheduler.sim.capacity import capacity
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from tests.bench.burst import server_process
from tests.bench.load import stream_all
from tests.bench.paced_emulator import pace_of, run_paced
from tests.bench.processes import free_port, go_first, hurried
from tests.bench.shadow_table import measured, paces_of, row, table_of, too_far_off
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
DRAIN_S = 180.0
"""Seconds from the last arrival to the replay, in which all requests end; more than the longest
wait: the next replay comes after another whole run."""

PATIENCE_S = 1200.0


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

    Its replays do not wait for a busy machine: one that takes long delays the next one, too. The
    URLs for clients and operators.
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
        with hurried(LOWEST_PRIORITY), server_process("gateway.cli", *flags) as url:
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


def worker(regime: str) -> None:
    """Run an emulated worker until SIGTERM; prints its URL."""
    run_paced(EmulatorConfig((MODEL,), REGIMES[regime], COSTS, SPEEDS[regime]))


def side_by_side(args: argparse.Namespace, pairs: Sequence[tuple[str, int]]) -> None:
    """Make the missing runs of these regimes and seeds, each in a process with its own clients."""
    journal, running = Journal(args.runs), []
    for regime, seed in pairs:
        if journal.find(regime=regime, seed=seed) is None:
            flags = ("--runs", str(args.runs), "--minutes", str(args.minutes))
            one = ("--one", regime, str(seed))
            command = [sys.executable, "-m", "tests.bench.shadow", *flags, *one]
            running.append(subprocess.Popen(command))
    for process in running:
        process.wait()


def main() -> None:
    """Make the missing runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=Path, metavar="FILE")
    parser.add_argument("--worker", choices=tuple(REGIMES))
    parser.add_argument("--one", nargs=2, metavar=("REGIME", "SEED"), help="make only this run")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--regimes", default=",".join(REGIMES))
    parser.add_argument("--at-once", type=int, default=1, help="seeds that run side by side")
    parser.add_argument("--check", action="store_true", help="fail if it is too far off")
    args = parser.parse_args()
    if args.worker:
        worker(args.worker)
        return
    go_first()
    if args.one:
        regime, seed = args.one[0], int(args.one[1])
        line = run(regime, seed, args.minutes)
        Journal(args.runs).add(regime=regime, seed=seed, arm=STOCK, **line)
        print(regime, seed, row(line), file=sys.stderr, flush=True)
        return
    seeds = range(args.seeds)
    for batch in (seeds[at : at + args.at_once] for at in range(0, args.seeds, args.at_once)):
        side_by_side(args, [(one, seed) for seed in batch for one in args.regimes.split(",")])
    journal = Journal(args.runs)
    print(table_of(journal.lines, REGIMES), paces_of(journal.lines), sep="\n")
    if args.check and (wrong := too_far_off(journal.lines)):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
