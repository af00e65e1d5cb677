"""A thousand streams over a worker that freezes: each has its error in time, each slot is free.

    python -m tests.bench.frozen_worker [--streams 1000] [--out FILE] [--check]

One ``lengthwise serve``, one ``lengthwise emulate`` with a place for each stream. Once every stream
has begun, the worker gets SIGSTOP: its connections stay open and silent. The gateway's probes must
notice, and each client must have an error event within ``health.failures`` x (``interval_s`` +
``timeout_s``) and a slack for the machine. Then a new worker takes the old one's place, and as many
streams again run there at a time: they find their slots free.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from tests.chaos.answers import NoEnd, possible_outcomes
from tests.chaos.http_text import message
from tests.chaos.processes import Process, descriptors, free_ports, resident_mib
from tests.chaos.watch import Watch

HEALTH = {"interval_s": 0.5, "timeout_s": 5.0, "failures": 2}
SLACK_S = 8.0
"""The last probe before the freeze may have been answered, and a thousand errors take some seconds
on a machine that has other work."""
BEGIN_S = 120.0
"""Seconds within which all streams have begun: a busy machine is no fault."""
TOGETHER = 100
"""Streams that begin at a time: a worker that reads a thousand prompts answers no probe."""
SPEED = 0.03
"""A step of a thousand sequences takes about two seconds: events do not keep the machine busy."""


@dataclass(slots=True)
class Stream:
    """One client's stream."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended_s: float | None = None
    """On the clock of ``monotonic``."""
    outcome: str = "no end"

    async def read(self, port: int) -> None:
        """Ask for a long stream and read it to its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        fields = {"model": "emulated", "prompt": "the sea", "stream": True, "max_tokens": 4000}
        asked = {**fields, "vllm_xargs": {"target_tokens": 4000}}
        try:
            writer.write(message("POST /v1/completions HTTP/1.1", asked, "host: gateway"))
            head = await reader.readuntil(b"\r\n\r\n")
            tail = b""
            while piece := await reader.read(2**14):
                self.begun.set()
                tail = (tail + piece)[-4000:]
            self.outcome = _outcome(int(head.split(b" ")[1]), tail)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.outcome = repr(error)
        finally:
            self.ended_s = monotonic()
            self.begun.set()
            writer.transport.abort()


def _outcome(status: int, tail: bytes) -> str:
    """The outcome at the end of a stream in chunks."""
    text = tail.removesuffix(b"\r\n0\r\n\r\n")
    with suppress(NoEnd):
        body = text.rpartition(b"\r\n")[2] if status < 400 else text.rpartition(b"\r\n\r\n")[2]
        return " or ".join(sorted(possible_outcomes("completions", status, body, stream=True)))
    return f"{status}, cut: {text[-100:]!r}"


@dataclass(slots=True)
class Bench:
    """The processes, and what was measured."""

    streams: int
    folder: Path
    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def bound_s(self) -> float:
        """Seconds within which each client must have its error."""
        return HEALTH["failures"] * (HEALTH["interval_s"] + HEALTH["timeout_s"]) + SLACK_S

    async def run(self) -> None:
        """Freeze a worker under all streams, and replace it."""
        worker_port, port = free_ports(2)
        worker, gateway = self._processes(worker_port, port)
        worker.start()
        await worker.answers()
        gateway.start()
        await gateway.answers()
        try:
            async with aiohttp.ClientSession() as session:
                watch = Watch(f"http://127.0.0.1:{port}", gateway.pid, session)
                await self._freeze(worker, watch, port)
                await worker.end(signal.SIGKILL)
                worker.start()
                await worker.answers()
                await self._again(watch, port)
            self.figures["memory MiB"] = round(resident_mib(gateway.pid))
            self.figures["descriptors"] = descriptors(gateway.pid)
        finally:
            await worker.end(signal.SIGKILL)
            await gateway.end()

    def _processes(self, worker_port: int, port: int) -> tuple[Process, Process]:
        engine = {
            "--max-num-seqs": self.streams,
            "--max-num-batched-tokens": 16 * self.streams,
            "--num-gpu-blocks-override": 300 * self.streams,
            "--speed": SPEED,
        }
        flags = [str(part) for flag in engine.items() for part in flag]
        worker = {"url": f"http://127.0.0.1:{worker_port}", "max_num_seqs": self.streams}
        config = self.folder / "gateway.yaml"
        settings = {"health": HEALTH, "predictor": {"budget_ms": 10_000.0}, "workers": [worker]}
        config.write_text(json.dumps(settings))  # JSON is YAML
        return (
            Process(("emulate", *flags), worker_port, self.folder / "worker.log"),
            Process(("serve", "--config", str(config)), port, self.folder / "gateway.log"),
        )

    async def _freeze(self, worker: Process, watch: Watch, port: int) -> None:
        """All streams begin, the worker freezes, and all end with an error in time."""
        await watch.until_serving(60.0)
        streams, tasks = await self._begun(port)
        worker.send(signal.SIGSTOP)
        frozen = monotonic()
        await asyncio.wait(tasks, timeout=self.bound_s)
        outcomes = Counter(stream.outcome for stream in streams)
        ends = sorted(stream.ended_s - frozen for stream in streams if stream.ended_s is not None)
        self.figures |= {
            "streams": self.streams,
            "ended within s": [round(end, 2) for end in (ends[0], ends[-1])] if ends else None,
            "bound s": self.bound_s,
            "outcomes": dict(outcomes),
        }
        if outcomes.pop("worker_failed", 0) < self.streams:
            self.broken.append(f"{self.bound_s:g} s after the freeze clients saw {dict(outcomes)}")
        busy = await watch.until_idle(3.0)
        self.figures["under way after the errors"] = busy
        if busy:
            self.broken.append(f"after the errors the gateway still has {busy}")
        await _ended(tasks)

    async def _again(self, watch: Watch, port: int) -> None:
        """The worker's successor runs as many streams at a time."""
        await watch.until_serving(60.0)
        _, tasks = await self._begun(port)
        running = (await watch.metrics()).total("lengthwise_worker_in_flight_sequences")
        self.figures["at the new worker at a time"] = running
        if running != self.streams:
            self.broken.append(f"the new worker has {running:g} of {self.streams} streams")
        await _ended(tasks)
        busy = await watch.until_idle(20.0)
        if busy:
            self.broken.append(f"after the clients have left the gateway still has {busy}")

    async def _begun(self, port: int) -> tuple[list[Stream], list[asyncio.Task[None]]]:
        """Streams that have all begun."""
        streams = [Stream() for _ in range(self.streams)]
        tasks: list[asyncio.Task[None]] = []
        started = monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_S):
                for first in range(0, self.streams, TOGETHER):
                    some = streams[first : first + TOGETHER]
                    tasks += [asyncio.create_task(stream.read(port)) for stream in some]
                    await asyncio.gather(*(stream.begun.wait() for stream in some))
        self.figures.setdefault("all begun within s", round(monotonic() - started, 1))
        missing = Counter(stream.outcome for stream in streams if stream.ended_s is not None)
        waiting = sum(not stream.begun.is_set() for stream in streams)
        if missing or waiting:
            self.broken.append(f"of the streams {waiting} have not begun, ended: {dict(missing)}")
        return streams, tasks


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> int:
    """Measure, print, and tell whether all was kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--check", action="store_true", help="fail if a client or a slot is lost")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the processes are ended
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = Path(tempfile.mkdtemp(prefix="frozen-"))
    bench = Bench(args.streams, folder)
    asyncio.run(bench.run())
    for name, value in bench.figures.items():
        print(f"{name}: {value}")
    if args.out:
        figures = {**bench.figures, "broken": bench.broken}
        args.out.write_text(json.dumps(figures, indent=2) + "\n")
    for words in bench.broken:
        print(f"BROKEN: {words}", file=sys.stderr)
    if bench.broken:
        print(f"logs: {folder}", file=sys.stderr)
        return 1 if args.check else 0
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
