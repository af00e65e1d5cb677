"""What a request and a chunk cost the gateway, beside other proxies, before a mock engine.

    python -m tests.bench.gateway [--arms direct gateway ...] [--seconds S] [--repeats N]

Each arm is a proxy in a process of its own on the first core; the engine and the clients share the
last. ``gateway`` is this gateway as it is installed, ``gateway fast`` the same without the refined
tier. ``--peer NAME COMMAND``, repeatable, adds another proxy: ``{port}`` in the command is where it
listens, ``{engine}`` the engine's URL. Arms take turns. The table shows medians over the repeats:
CPU time of the proxy for a request that is not streamed (16 connections) and for a chunk of a
stream that comes alone (64 connections, 20 chunks), requests and chunks per second, the memory
after it all, and the median latency at one connection.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

from tests.bench import mock_engine

CONNECTIONS, STREAMS, CHUNKS, TOKENS = 16, 64, 20, 16
_SPAWN = multiprocessing.get_context("spawn")
_OURS = f"{sys.executable} -m gateway.cli serve --port {{port}} --worker {{engine}}"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Cost:
    """What one arm costs, a value for each repeat."""

    request_ms: list[float] = field(default_factory=list)
    chunk_us: list[float] = field(default_factory=list)
    requests_s: list[float] = field(default_factory=list)
    chunks_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        """The line of the table."""
        values = (
            f"{median(self.request_ms):.2f} ms ({min(self.request_ms):.2f})",
            f"{median(self.chunk_us):.0f} us ({min(self.chunk_us):.0f})",
            f"{median(self.requests_s):.0f}",
            f"{median(self.chunks_s):.0f}",
            f"{median(self.memory_mb):.0f} MB",
            f"{median(self.alone_ms):.2f} ms",
        )
        return f"| {name} | " + " | ".join(values) + " |"


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and all that descend from it."""
    fields = [
        Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in family(pid)
    ]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS


def memory_mb(pid: int) -> float:
    """The resident memory of the same processes."""
    texts = [Path(f"/proc/{one}/status").read_text() for one in family(pid)]
    return (
        sum(int(found[1]) for text in texts if (found := re.search(r"VmRSS:\s+(\d+)", text))) / 1024
    )


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def beside(target: Any, *args: object) -> Iterator[Connection]:
    """A process on the last core to the end of the block, and the pipe to it."""
    here, there = _SPAWN.Pipe()
    one = _SPAWN.Process(target=target, args=(there, *args), daemon=True)
    one.start()
    assert one.pid is not None
    os.sched_setaffinity(one.pid, {max(os.sched_getaffinity(0))})
    try:
        yield here
    finally:
        one.kill()
        one.join()


@contextmanager
def proxy(command: str, engine: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """A proxy on the first core to the end of the block: its process id and port."""
    port = free_port()
    words = [word.format(port=port, engine=engine) for word in shlex.split(command)]
    one = subprocess.Popen(
        ["taskset", "-c", str(min(os.sched_getaffinity(0))), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment,
    )
    try:
        _wait_until_it_answers(port, one)
        yield one.pid, port
    finally:
        one.terminate()
        try:
            one.wait(10)
        except subprocess.TimeoutExpired:
            one.kill()


def _wait_until_it_answers(port: int, one: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + 90
    while True:
        assert one.poll() is None, f"the proxy has ended with {one.returncode}"
        assert monotonic() < deadline, "the proxy does not answer"
        try:
            with urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2) as answer:
                if mock_engine.MODEL in answer.read().decode():
                    return
        except OSError:
            pass
        sleep(0.2)


@dataclass(frozen=True, slots=True)
class Load:
    """Clients of one port, and the proxy's process; 0 for none."""

    pid: int
    port: int
    seconds: float

    def measure(self, cost: Cost) -> None:
        """Warm up, and measure one repeat."""
        with beside(mock_engine.ask, "127.0.0.1", self.port) as clients:
            self._run(clients, CONNECTIONS, 1.0, stream=False)
            answers, spent, _ = self._run(clients, CONNECTIONS, self.seconds, stream=False)
            cost.request_ms.append(1e3 * spent / answers)
            cost.requests_s.append(answers / self.seconds)
            streams, spent, _ = self._run(clients, STREAMS, self.seconds, stream=True)
            chunks = streams * CHUNKS
            cost.chunk_us.append(
                max(0.0, 1e3 * (1e3 * spent / streams - cost.request_ms[-1]) / CHUNKS)
            )
            cost.chunks_s.append(chunks / self.seconds)
            _, _, alone_s = self._run(clients, 1, self.seconds, stream=False)
            cost.alone_ms.append(1e3 * alone_s)
        cost.memory_mb.append(memory_mb(self.pid) if self.pid else 0.0)

    def _run(
        self, clients: Connection, connections: int, seconds: float, *, stream: bool
    ) -> tuple[int, float, float]:
        """Answers, CPU seconds of the proxy, and the median seconds of an answer."""
        tokens = CHUNKS if stream else TOKENS
        asked = mock_engine.request(f"127.0.0.1:{self.port}", tokens=tokens, stream=stream)
        before = cpu_s(self.pid) if self.pid else 0.0
        clients.send((connections, seconds, asked))
        took, faults = clients.recv()
        assert took, "no answer at all"
        assert not faults, f"{faults} of {len(took)} answers are no 200"
        return len(took), (cpu_s(self.pid) if self.pid else 0.0) - before, median(took)


def measure(arm: str, peers: dict[str, str], seconds: float, cost: Cost) -> None:
    """One repeat of one arm, with an engine of its own."""
    with ExitStack() as stack:
        engine = stack.enter_context(beside(mock_engine.serve)).recv()
        if arm == "direct":
            pid, port = 0, int(engine.rpartition(":")[2])
        else:
            environment = {"LENGTHWISE_PREDICTOR_REFINE": "false"} if arm == "gateway fast" else {}
            command = peers.get(arm, _OURS)
            pid, port = stack.enter_context(proxy(command, engine, environment))
        Load(pid, port, seconds).measure(cost)


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="the cost of proxies before a mock engine")
    parser.add_argument("--arms", nargs="+", default=["direct", "gateway", "gateway fast"])
    parser.add_argument("--peer", nargs=2, action="append", default=[], metavar=("NAME", "COMMAND"))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(words)
    peers = dict(args.peer)
    costs = {arm: Cost() for arm in (*args.arms, *peers)}
    for _ in range(args.repeats):
        for arm, cost in costs.items():
            measure(arm, peers, args.seconds, cost)
    print("| proxy | CPU/request (least) | CPU/chunk | requests/s | chunks/s | memory | latency |")
    print("|---|---|---|---|---|---|---|")
    for arm, cost in costs.items():
        print(cost.row(arm))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
