"""What a request and a chunk cost the gateway, beside other proxies, before a mock engine.

    python -m tests.bench.gateway [--peers] [--arms direct gateway ...] [--seconds S] [--repeats N]

Each arm is a proxy in a process of its own on the first core; the engine, the clients and the
collector of traces share the last. ``gateway`` is this gateway as it is installed, ``gateway fast``
the same without the refined tier; ``all on`` has keys, limits, budgets, accounts, access records,
traces, debug headers and the operators' listener (`gateway_arms.py`). ``--peers`` adds LiteLLM,
vllm-router and SMG, which it installs once (`peers.py`); what cannot be installed is named.
``--peer NAME COMMAND``, repeatable, adds another proxy: ``{port}`` in the command is where it
listens, ``{engine}`` the engine's URL. Arms take turns.

The table shows medians over the repeats, and least and greatest: CPU time of the proxy for a
request that is not streamed (16 connections) and for a chunk of a stream that comes alone (64
connections, 20 chunks), requests and chunks per second, the memory after it all, and what the proxy
adds to the median latency at one connection, within a repeat.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from statistics import median

from tests.bench import mock_engine, peers
from tests.bench.gateway_arms import OWN, Running, running
from tests.bench.processes import beside, cpu_s, memory_mb

CONNECTIONS, STREAMS, CHUNKS, TOKENS = 16, 64, 20, 16
PATIENCE_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Tries, in seconds, in one of which a proxy that has started must answer."""

HEAD = "| proxy | CPU/request | CPU/chunk | requests/s | chunks/s | memory | added latency |"


@dataclass(slots=True)
class Cost:
    """What one arm costs, a value for each repeat."""

    request_ms: list[float] = field(default_factory=list)
    chunk_us: list[float] = field(default_factory=list)
    requests_s: list[float] = field(default_factory=list)
    chunks_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)

    def row(self, name: str, direct: Cost | None) -> str:
        """The line of the table."""
        added = self.alone_ms
        if direct is not None and direct is not self:
            added = [one - less for one, less in zip(self.alone_ms, direct.alone_ms, strict=True)]
        values = [_spread(self.requests_s, 0), _spread(self.chunks_s, 0)]
        if any(self.memory_mb):
            cpu = [_spread(self.request_ms, 2, " ms"), _spread(self.chunk_us, 0, " us")]
            values = [*cpu, *values, _spread(self.memory_mb, 0, " MB"), _spread(added, 2, " ms")]
        else:
            values = ["", "", *values, "", f"({_spread(added, 2, ' ms')} in all)"]
        return f"| {name} | " + " | ".join(values) + " |"


def _spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    least, most = min(values), max(values)
    return f"{median(values):.{digits}f}{unit} ({least:.{digits}f}..{most:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Load:
    """Clients of one arm."""

    arm: Running
    seconds: float

    def measure(self, cost: Cost) -> None:
        """Warm up, and measure one repeat."""
        with beside(mock_engine.ask, "127.0.0.1", self.arm.port) as clients:
            self._warm_up(clients)
            took, _, spent = self._run(clients, CONNECTIONS, stream=False)
            each_s = spent / len(took)
            cost.request_ms.append(1e3 * each_s)
            cost.requests_s.append(len(took) / self.seconds)
            ended, chunks, spent = self._run(clients, STREAMS, stream=True)
            begun = len(ended) + STREAMS
            cost.chunk_us.append(1e6 * max(0.0, spent - begun * each_s) / chunks)
            cost.chunks_s.append(chunks / self.seconds)
            took, _, _ = self._run(clients, 1, stream=False)
            cost.alone_ms.append(1e3 * median(took))
        cost.memory_mb.append(memory_mb(self.arm.pid) if self.arm.pid else 0.0)

    def _warm_up(self, clients: Connection) -> None:
        """Ask until there are answers: a proxy's first ones may take long."""
        for seconds in PATIENCE_S:
            clients.send((CONNECTIONS, seconds, self._request(stream=False)))
            if len(clients.recv()[0]) > CONNECTIONS:
                return
        raise RuntimeError("it does not answer")

    def _request(self, *, stream: bool) -> bytes:
        tokens = CHUNKS if stream else TOKENS
        return mock_engine.request(f"127.0.0.1:{self.arm.port}", tokens=tokens, stream=stream)

    def _run(
        self, clients: Connection, connections: int, *, stream: bool
    ) -> tuple[list[float], int, float]:
        """Seconds of each answer, chunks of streams that came, and CPU seconds of the proxy."""
        pid = self.arm.pid
        before = cpu_s(pid) if pid else 0.0
        clients.send((connections, self.seconds, self._request(stream=stream)))
        took, faults, chunks = clients.recv()
        if not took or faults:
            raise RuntimeError(f"{faults} of {len(took)} answers are no 200")
        return took, chunks, (cpu_s(pid) if pid else 0.0) - before


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="the cost of proxies before a mock engine")
    parser.add_argument("--arms", nargs="+", default=["direct", *OWN])
    parser.add_argument("--peer", nargs=2, action="append", default=[], metavar=("NAME", "COMMAND"))
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(words)
    commands, missing = peers.prepared() if args.peers else ({}, {})
    commands |= dict(args.peer)
    costs = {arm: Cost() for arm in (*args.arms, *commands)}
    for _ in range(args.repeats):
        for arm, cost in costs.items():
            if arm in missing:
                continue
            try:
                with running(arm, commands) as one:
                    Load(one, args.seconds).measure(cost)
            except RuntimeError as error:
                print(f"{arm}: {error}", file=sys.stderr)
                missing[arm] = "it does not start, or not answer"
    print(HEAD)
    print("|---" * 7 + "|")
    for arm, cost in costs.items():
        if arm not in missing:
            print(cost.row(arm, costs.get("direct")))
    for arm, why in missing.items():
        print(f"| {arm} | not measured: {why} | | | | | |")
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
