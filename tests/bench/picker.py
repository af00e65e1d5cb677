"""What `lengthwise picker` adds to Envoy: latency, and CPU time of the picker.

    python -m tests.bench.picker [--seconds S] [--repeats N] [--check]

The real Envoy with the filter ext_proc, in both modes of bodies, beside the same Envoy without the
filter, to which the clients name the worker themselves. The picker has the first core; Envoy, the
mock engine and the clients share the last. All arms run all the time and take turns within a
repeat, so that the machine's drift meets each.

Loads: ``one``, one connection, answers at once; ``streams``, 16 connections, streams of 16 chunks
5 ms apart; ``full``, 16 connections, answers at once, so that each core is busy to its limit and
the latency is that of the queue before it. Figures are medians over the repeats of the median (and
p99) latency, and of the difference to the arm without the picker in the same repeat. CPU is that
of the picker's process. ``--check`` fails where one connection, or streams, has more than 3 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from time import monotonic
from typing import Any

import yaml

from tests.bench import mock_engine
from tests.bench.processes import beside, cpu_s, free_port
from tests.gateway.picker.envoy import MODES, configured, program

MOST_MS = 3.0
TOKENS = 16
LOADS = {"one": (1, False), "streams": (16, True), "full": (16, False)}
"""Name -> connections, and whether answers are streams."""

WITHOUT = "no picker"
HEAD = "| arm | load | p50, ms | p99, ms | added p50, ms | requests/s | CPU of the picker, ms |"


@dataclass(slots=True)
class Cost:
    """A value for each repeat."""

    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def note(self, took: list[float], seconds: float, spent: float) -> None:
        """Add a repeat: seconds of each answer, of the repeat, and of the picker's CPU."""
        self.p50_ms.append(1e3 * median(took))
        self.p99_ms.append(1e3 * quantiles(took, n=100)[98])
        self.rate.append(len(took) / seconds)
        self.cpu_ms.append(1e3 * spent / len(took))

    def row(self, arm: str, load: str, base: Cost) -> str:
        """The line of the table."""
        values = [_spread(self.p50_ms, 2), _spread(self.p99_ms, 1)]
        values += [_spread(self.added(base), 2), _spread(self.rate, 0)]
        values += ["" if arm == WITHOUT else _spread(self.cpu_ms, 2)]
        return f"| {arm} | {load} | " + " | ".join(values) + " |"

    def added(self, base: Cost) -> list[float]:
        """Milliseconds beyond the arm without the picker, by repeat."""
        return [one - less for one, less in zip(self.p50_ms, base.p50_ms, strict=True)]


def _spread(values: Sequence[float], digits: int) -> str:
    least, most = min(values), max(values)
    return f"{median(values):.{digits}f} ({least:.{digits}f}..{most:.{digits}f})"


@contextmanager
def running(words: Sequence[str], core: int, log: Path, **env: str) -> Iterator[int]:
    """A process on a core to the end of the block; yields its id."""
    with log.open("wb") as output:
        one = subprocess.Popen(
            ["taskset", "-c", str(core), *words], stdout=output, stderr=output, env=os.environ | env
        )
    try:
        yield one.pid
    finally:
        one.kill()
        one.wait()


def envoy_config(port: int, picker: int, modes: dict[str, str] | None) -> dict[str, Any]:
    """The example of deploy/envoy; ``modes`` None: without the picker."""
    config = configured(port, picker, modes or {})
    if modes is None:
        manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
        del manager["typed_config"]["http_filters"][0]
    return config


@contextmanager
def arms(folder: Path, engine: str) -> Iterator[tuple[int, dict[str, int]]]:
    """The picker's process, and the arms' ports for clients."""
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    picker, ports = free_port(), {}
    words = (sys.executable, "-m", "gateway.cli", "picker", "--worker", engine)
    with ExitStack() as stack:
        log = folder / "picker.log"
        command = (*words, "--port", str(picker))
        pid = stack.enter_context(running(command, first, log))
        for arm, modes in {WITHOUT: None, **MODES}.items():
            ports[arm] = free_port()
            path = folder / f"envoy-{ports[arm]}.yaml"
            path.write_text(yaml.safe_dump(envoy_config(ports[arm], picker, modes)))
            flags = ("--concurrency", "1", "--disable-hot-restart", "-l", "error")
            command = (program(), "-c", str(path), *flags)
            stack.enter_context(running(command, last, path.with_suffix(".log")))
        yield pid, ports


def asked(port: int, load: str, worker: str) -> bytes:
    """The request of a load; ``worker``: the one that the client names, "" for none."""
    text = mock_engine.request(f"127.0.0.1:{port}", tokens=TOKENS, stream=LOADS[load][1])
    named = f"\r\nx-gateway-destination-endpoint: {worker}\r\n\r\n".encode()
    return text.replace(b"\r\n\r\n", named, 1) if worker else text


def ask(clients: Connection, load: str, seconds: float, request: bytes) -> list[float]:
    """Seconds of each answer."""
    clients.send((LOADS[load][0], seconds, request))
    took, faults, _ = clients.recv()
    if not took or faults:
        raise RuntimeError(f"{faults} of {len(took)} answers are no 200")
    return list(took)


def warm_up(clients: Connection, request: bytes, patience_s: float = 60.0) -> None:
    """Ask until every answer of a second is 200."""
    end = monotonic() + patience_s
    while True:
        try:
            ask(clients, "full", 1.0, request)
        except (RuntimeError, OSError):
            if monotonic() > end:
                raise
        else:
            return


def turns(
    ports: Mapping[str, int],
    named: Mapping[str, str],
    pids: Mapping[str, int],
    seconds: float,
    repeats: int,
) -> dict[tuple[str, str], Cost]:
    """The costs by arm and load, whose arms take turns within each repeat.

    Args:
        ports: each arm's, for clients.
        named: the worker that an arm's clients name themselves, "" for none.
        pids: each arm's process whose CPU time counts, 0 for none.
    """
    costs: dict[tuple[str, str], Cost] = {}
    with ExitStack() as stack:
        clients = {
            arm: stack.enter_context(beside(mock_engine.ask, "127.0.0.1", port))
            for arm, port in ports.items()
        }
        for arm, port in ports.items():
            warm_up(clients[arm], asked(port, "full", named[arm]))
        for load in LOADS:
            requests = {arm: asked(port, load, named[arm]) for arm, port in ports.items()}
            for _ in range(repeats):
                for arm, request in requests.items():
                    before = cpu_s(pids[arm]) if pids[arm] else 0.0
                    took = ask(clients[arm], load, seconds, request)
                    spent = (cpu_s(pids[arm]) if pids[arm] else 0.0) - before
                    costs.setdefault((arm, load), Cost()).note(took, seconds, spent)
    return costs


def show(costs: Mapping[tuple[str, str], Cost]) -> None:
    """Print the table."""
    print(HEAD + "\n" + "|---" * 7 + "|")
    for (arm, load), cost in costs.items():
        print(cost.row(arm, load, costs[WITHOUT, load]))
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")


def measure(seconds: float, repeats: int) -> dict[tuple[str, str], Cost]:
    """The costs by arm and load."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(beside(mock_engine.serve)).recv()
        pid, ports = stack.enter_context(arms(folder, engine))
        named = {arm: engine.removeprefix("http://") if arm == WITHOUT else "" for arm in ports}
        pids = {arm: 0 if arm == WITHOUT else pid for arm in ports}
        return turns(ports, named, pids, seconds, repeats)


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="what the picker adds to Envoy")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    costs = measure(args.seconds, args.repeats)
    show(costs)
    late = max(
        median(cost.added(costs[WITHOUT, load]))
        for (_, load), cost in costs.items()
        if load != "full"
    )
    return int(args.check and late > MOST_MS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
