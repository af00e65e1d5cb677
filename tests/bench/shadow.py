"""What the shadow says was saved, against a real A/B on emulated workers.

    python -m tests.bench.shadow --runs FILE [--seeds 5] [--minutes 10] [--at-once 1] [--check]

Each run sends the same requests at the same times to two workers: to one directly (stock), to the
other through a gateway as it is installed, whose shadow replays the run after its end. Both arms
run side by side, as do the regimes, so that a machine that is slow for a moment is so for all. The
shadow's page is compared with what the clients of both arms measured, in seconds of the clock.

Two regimes: ``slots`` (8 sequences, memory for all) and ``memory`` (128 sequences, 8,000 KV
tokens), with the requests of ``shadow_regimes``. Load 1 is the capacity of stock in the simulator.
Each finished run is a line of the file of ``--runs``; the same command continues, and prints the
table.
Below it stands whether the emulators' steps kept their time: where the machine starves them, what
is measured is the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
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
from scheduler.records import RequestRecord
from scheduler.sim.arms import STOCK
from tests.bench.burst import server_process
from tests.bench.load import stream_all
from tests.bench.paced_emulator import pace_of, run_paced
from tests.bench.processes import free_port, go_first, hurried
from tests.bench.shadow_regimes import MODEL, REGIMES, times
from tests.bench.shadow_table import measured, paces_of, row, table_of, too_far_off
from tests.bench.sustained import Journal
from tests.vllm.engine import read_metrics

DRAIN_S = 130.0
"""Seconds from the last arrival to the replay, in which all requests end; more than the longest
wait: the next replay comes after another whole run."""

PATIENCE_S = 1200.0


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
    found = REGIMES[regime]
    speed, rate = found.speed, found.rate(seed)
    arrivals = times(found.loads, rate, 60 * minutes * speed, seed)
    sent, at = found.mix.bodies(len(arrivals), seed), [arrival / speed for arrival in arrivals]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(server_process("tests.bench.shadow", "--worker", regime))
            for _ in range(2)
        ]
        slots = found.engine.max_num_seqs
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
    found = REGIMES[regime]
    run_paced(EmulatorConfig((MODEL,), found.engine, found.costs, found.speed))


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
