"""One run of chaos: processes, faults and clients, from the start to the last account."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import monotonic

import aiohttp

from tests.chaos.clients import Clients, Seen
from tests.chaos.faults_at_work import ChaosWorker
from tests.chaos.faulty_proxy import Attempt, FaultyProxy
from tests.chaos.ledger import Ledger
from tests.chaos.processes import Process, Usage, free_ports
from tests.chaos.schedule import Planned, plan
from tests.chaos.watch import Scrape, Watch

WORKERS = 3
SLOTS, SPEED = 8, 4.0
MODEL = "emulated"
RATE = 11.0
"""Requests per second, beside the bursts."""
BURST, BURST_S = 120, 24.0
"""Requests of a burst, and seconds between two."""
LAST_REQUESTS = 60
RECOVERY_S = 75.0
"""Seconds within which all workers take requests after the last fault."""

SETTINGS = {
    "queue": {"max_waiting": 40, "timeout_s": 12.0, "no_worker_grace_s": 3.0},
    "requests": {"timeout_s": 25.0, "body_timeout_s": 4.0, "retries": 2},
    "health": {"interval_s": 0.5, "timeout_s": 2.0, "failures": 2, "scrape_s": 2.0},
    "predictor": {"budget_ms": 10_000.0},  # a busy machine is no fault
    "shutdown": {"drain_timeout_s": 10.0},
}
PATIENCE_S = 45.0
"""Seconds after which a client has waited too long: above ``requests.timeout_s`` and a stall."""


@dataclass(slots=True)
class Result:
    """All accounts of a run."""

    seconds: float
    planned: list[Planned]
    ledger: Ledger
    seen: dict[str, Seen]
    """What clients saw, by request id."""
    attempts: list[Attempt]
    """Requests for text that reached a worker."""
    usage: Usage
    delays: list[float]
    """Seconds until ``GET /health`` was answered, again and again."""
    unanswered: int
    """Times that it was not."""
    scrape: Scrape
    """The metrics after the last request."""
    busy: dict[str, float]
    """What was still under way at the gateway after the last request had ended."""
    recovered_s: float | None
    """Seconds from the end of the last fault until all workers served; None: not all did."""
    ready: dict[str, object]
    last_ok: int
    """How many of ``LAST_REQUESTS`` after the recovery were answered."""
    exit_code: int | None
    log: str
    cpu_s: float
    """CPU time of all processes, their start and that of the workers' restarts included."""
    sent: int


@dataclass(slots=True)
class Chaos:
    """A run: ``seconds`` of clients, whose last fifth or minute is free of new faults."""

    seed: int
    seconds: float
    folder: Path
    rate: float = RATE
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _sent: int = 0

    async def run(self) -> Result:
        """Run it to the end."""
        fronts, workers, gateway = self._processes()
        await asyncio.gather(*(worker.start() for worker in workers))
        gateway.start()
        await gateway.answers()
        try:
            async with _session() as session:
                result = await self._observed(session, fronts, workers, gateway)
        finally:
            await asyncio.gather(*(worker.stop() for worker in workers))
            await gateway.end()
        result.cpu_s = _cpu_seconds()
        return result

    def _processes(self) -> tuple[list[FaultyProxy], list[ChaosWorker], Process]:
        ports = free_ports(2 * WORKERS + 1)
        fronts = [
            FaultyProxy(ports[number], ports[WORKERS + number], random.Random(self.seed + number))
            for number in range(WORKERS)
        ]
        flags = ("emulate", "--speed", str(SPEED), "--max-num-seqs", str(SLOTS))
        workers = [
            ChaosWorker(Process(flags, front.worker_port, self.folder / "workers.log"), front)
            for front in fronts
        ]
        listed = [{"url": front.url, "max_num_seqs": SLOTS} for front in fronts]
        config = self.folder / "gateway.yaml"
        config.write_text(json.dumps({**SETTINGS, "workers": listed}))  # JSON is YAML
        log = self.folder / "gateway.log"
        return fronts, workers, Process(("serve", "--config", str(config)), ports[-1], log)

    async def _observed(
        self,
        own: aiohttp.ClientSession,
        fronts: Sequence[FaultyProxy],
        workers: Sequence[ChaosWorker],
        gateway: Process,
    ) -> Result:
        watch = Watch(f"http://127.0.0.1:{gateway.port}", gateway.pid, own)
        await watch.until_serving(60.0)
        watching = asyncio.create_task(watch.run())
        planned = plan(self.seed, WORKERS, self.seconds - min(60.0, 0.2 * self.seconds))
        faults = asyncio.create_task(self._faults(planned, workers, watch))
        async with _session() as session:
            clients = self._clients(gateway.port, session)
            await self._load(clients)
            recovered_s = await faults
            await asyncio.gather(*self._tasks)
            last_ok = await self._last(clients)
        busy = await watch.until_idle(10.0)
        watch.usage.sample(gateway.pid, monotonic() - watch.begun)
        watching.cancel()
        scrape, ready = await watch.metrics(), await watch.ready()
        code = await gateway.end()
        return Result(
            seconds=self.seconds,
            planned=planned,
            ledger=clients.ledger,
            seen=clients.seen,
            attempts=[attempt for front in fronts for attempt in front.attempts],
            usage=watch.usage,
            delays=watch.delays,
            unanswered=watch.unanswered,
            scrape=scrape,
            busy=busy,
            recovered_s=recovered_s,
            ready=ready,
            last_ok=last_ok,
            exit_code=code,
            log=gateway.log.read_text(errors="replace"),
            cpu_s=0.0,
            sent=self._sent,
        )

    def _clients(self, port: int, session: aiohttp.ClientSession) -> Clients:
        limit = SETTINGS["requests"]["body_timeout_s"]
        rng = random.Random(self.seed)
        return Clients(port, MODEL, session, rng, Ledger(), PATIENCE_S, limit)

    async def _faults(
        self, planned: Sequence[Planned], workers: Sequence[ChaosWorker], watch: Watch
    ) -> float | None:
        """Each worker suffers its own faults, one after another.

        Returns the seconds from the last fault until all serve; None: not within ``RECOVERY_S``.
        """
        begun = monotonic()

        async def one(number: int, worker: ChaosWorker) -> None:
            for fault in (fault for fault in planned if fault.worker == number):
                await asyncio.sleep(fault.begin - (monotonic() - begun))
                await worker.suffer(fault.fault, fault.end - fault.begin)

        await asyncio.gather(*(one(number, worker) for number, worker in enumerate(workers)))
        mended = monotonic()
        recovered = await watch.until_serving(RECOVERY_S)
        return None if recovered is None else recovered - mended

    async def _load(self, clients: Clients) -> None:
        """Send requests at random times, and bursts; returns after the last was sent."""
        kinds, rng = clients.kinds(), random.Random(self.seed)
        shares = [share for share, _ in kinds]
        end, burst = monotonic() + self.seconds, monotonic() + BURST_S / 2
        due = monotonic()
        while due < end:
            due += rng.expovariate(self.rate)
            await asyncio.sleep(due - monotonic())
            self._begin(clients, rng.choices(kinds, shares)[0][1])
            if due >= burst:
                burst += BURST_S
                for _ in range(BURST):
                    self._begin(clients, rng.choice((clients.whole, clients.stream)))

    def _begin(self, clients: Clients, kind: object) -> None:
        assert callable(kind)
        self._sent += 1
        task = asyncio.create_task(clients.one(kind))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _last(self, clients: Clients) -> int:
        """Requests to a fleet without faults; returns how many were answered."""
        before = clients.ledger.table()["ok"]
        for _ in range(LAST_REQUESTS):
            self._sent += 1
            await clients.one(clients.whole)
        return clients.ledger.table()["ok"] - before


def _cpu_seconds() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session
