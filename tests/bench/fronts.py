"""What a request and a chunk cost one process, and several fronts with their scheduler.

    python -m tests.bench.fronts [--fronts 1 2] [--seconds S] [--repeats N] [--streams N]

Before the mock engine of tests.bench.gateway, whose clients ask for whole answers (16 connections)
and for streams (64 connections, 20 chunks, each 5 ms after the one before), so that no process is
full and CPU time is what is compared; engine and clients are processes of their own and not
counted. Arms take turns. A table for each kind of process: medians of CPU time over the repeats,
and least and greatest. ``gain`` is how many times one process's chunks the same cores carry by
fronts, at equal use of all cores: cores x (CPU of one process) / (CPU of all fronts, scheduler and
parent), where the cores are as many as the fronts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from urllib.request import urlopen

from tests.bench import mock_engine
from tests.bench.processes import beside, family, free_port

WHOLE, CHUNKS, TOKENS = 16, 20, 16
ROLES = ("front", "scheduler", "parent")
PATIENCE_S = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Cost:
    """CPU time by role, a value for each repeat."""

    request_us: dict[str, list[float]] = field(default_factory=lambda: {r: [] for r in ROLES})
    chunk_us: dict[str, list[float]] = field(default_factory=lambda: {r: [] for r in ROLES})
    chunks_s: list[float] = field(default_factory=list)
    least_share: list[float] = field(default_factory=list)
    """Of the fronts' CPU time in streams, the part of the front with the least."""
    memory_mb: dict[str, float] = field(default_factory=dict)

    def chunk_in_all(self) -> float:
        """Median CPU time of a chunk over all processes, in microseconds."""
        return median(map(sum, zip(*self.chunk_us.values(), strict=True)))


def roles(pid: int) -> dict[int, str]:
    """The processes of a gateway by what they do."""
    found = {}
    for one in family(pid):
        words = Path(f"/proc/{one}/cmdline").read_bytes()
        role = "scheduler" if b"scheduler_process" in words else "front"
        found[one] = role
    if "scheduler" in found.values():
        found[pid] = "parent"
    return found


def spent(pids: Sequence[int]) -> dict[int, float]:
    """CPU seconds of each process."""
    times = {}
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        times[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
    return times


def memory(pid: int) -> tuple[float, float]:
    """Resident memory and the proportional share of it (PSS), in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    values = {line.split(":")[0]: line.split()[1] for line in text.splitlines()[1:]}
    return int(values["Rss"]) / 1024, int(values["Pss"]) / 1024


@contextmanager
def gateway(fronts: int, engine: str) -> Iterator[tuple[int, int]]:
    """A gateway to the end of the block: its process and its port."""
    port = free_port()
    words = ["serve", "--port", str(port), "--worker", engine, "--fronts", str(fronts)]
    environment = {**os.environ, "LENGTHWISE_SHADOW_ENABLED": "'off'"}
    one = subprocess.Popen([sys.executable, "-m", "gateway.cli", *words], env=environment)
    try:
        deadline = monotonic() + PATIENCE_S
        while not _ready(port):
            assert monotonic() < deadline, "it does not answer"
            assert one.poll() is None, "it has ended"
            sleep(0.2)
        yield one.pid, port
    finally:
        one.terminate()
        one.wait(30)


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def measure(fronts: int, seconds: float, streams: int, cost: Cost) -> None:
    """One repeat of one arm."""
    with beside(mock_engine.serve) as said, gateway(fronts, said.recv()) as (pid, port):
        with beside(mock_engine.ask, "127.0.0.1", port) as clients:
            _run(clients, pid, port, 2.0, WHOLE, stream=False)  # warms up
            used, took, _ = _run(clients, pid, port, seconds, WHOLE, stream=False)
            each = {role: sum(times) / took for role, times in used.items()}
            for role in ROLES:
                cost.request_us[role].append(1e6 * each.get(role, 0.0))
            used, ended, chunks = _run(clients, pid, port, seconds, streams, stream=True)
            for role in ROLES:
                times = sum(used.get(role, [0.0]))
                rest = max(0.0, times - (ended + streams) * each.get(role, 0.0))
                cost.chunk_us[role].append(1e6 * rest / chunks)
            cost.chunks_s.append(chunks / seconds)
            cost.least_share.append(min(used["front"]) / sum(used["front"]))
        for one, role in roles(pid).items():
            cost.memory_mb[f"{role} RSS"], cost.memory_mb[f"{role} PSS"] = memory(one)


def _run(
    clients: Connection, pid: int, port: int, seconds: float, connections: int, *, stream: bool
) -> tuple[dict[str, list[float]], int, int]:
    """CPU seconds of each process by role, answers and chunks."""
    known = roles(pid)
    tokens = CHUNKS if stream else TOKENS
    request = mock_engine.request(f"127.0.0.1:{port}", tokens=tokens, stream=stream)
    before = spent(list(known))
    clients.send((connections, seconds, request))
    took, faults, chunks = clients.recv()
    after = spent(list(known))
    assert took, "no answer"
    assert not faults, f"{faults} of {len(took)} answers are no 200"
    used: dict[str, list[float]] = {}
    for one, role in known.items():
        used.setdefault(role, []).append(after[one] - before[one])
    return used, len(took), chunks


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.0f} ({min(values):.0f}..{max(values):.0f})"


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="the cost of one process and of several fronts")
    parser.add_argument("--fronts", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--streams", type=int, default=64)
    args = parser.parse_args(words)
    costs = {fronts: Cost() for fronts in args.fronts}
    for _ in range(args.repeats):
        for fronts, cost in costs.items():
            measure(fronts, args.seconds, args.streams, cost)
    print("| fronts | process | CPU/request, us | CPU/chunk, us | RSS, MB | PSS, MB |")
    print("|---" * 6 + "|")
    for fronts, cost in costs.items():
        for role in ROLES:
            if f"{role} RSS" in cost.memory_mb:
                sizes = (f"{cost.memory_mb[f'{role} {kind}']:.0f}" for kind in ("RSS", "PSS"))
                cpu = (_spread(cost.request_us[role]), _spread(cost.chunk_us[role]))
                print(f"| {fronts} | {role} | {' | '.join((*cpu, *sizes))} |")
    one = costs.get(1)
    for fronts, cost in costs.items():
        line = f"{fronts} fronts: {_spread(cost.chunks_s)} chunks/s"
        line += f", least front's share {median(cost.least_share):.2f}"
        if one is not None and fronts > 1:
            line += f", gain {fronts * one.chunk_in_all() / cost.chunk_in_all():.2f}"
        print(line)
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
