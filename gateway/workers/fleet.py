"""Fleet: the gateway's workers. Workers join and leave while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Container, Iterable
from itertools import count
from typing import Any

import aiohttp

from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.port import WorkerView
from gateway.supervisor import Supervisor
from gateway.workers.answer import Carrier
from gateway.workers.backend import Backend
from gateway.workers.drained import Drained
from gateway.workers.health import WATCH, HealthMonitor
from gateway.workers.member import ANY_MODEL, Member

log = logging.getLogger("lengthwise")

_ALL: frozenset[str] = frozenset()
"""Names no worker: any will do. Python makes a new empty set of 0.2 KB for each call."""


class Fleet:
    """The workers, healthy or not. A worker that leaves stays until its last request has ended."""

    def __init__(self, config: Config, dispatcher: Dispatcher, supervisor: Supervisor) -> None:
        self.health = HealthMonitor(config, dispatcher, supervisor)
        self._timeout = _timeout(config)
        self._supervisor = supervisor
        self._dispatcher = dispatcher
        self._members: dict[str, Member] = {}
        self._ranks = count()
        self._joined = asyncio.Event()
        self.drained = Drained(config.learning.folder)

    @property
    def members(self) -> list[Member]:
        """All workers in the order in which they joined. Of equal ones the first gets a request."""
        return list(self._members.values())

    def __getitem__(self, worker_id: str) -> Member:
        return self._members[worker_id]

    def among(self, carrier: Carrier | None) -> frozenset[str]:
        """The only workers to which a carrier brings its request; none for all of them.

        Raises:
            ApiError: it could bring the request to none.
        """
        return _ALL if carrier is None else carrier.among(list(self._members))

    def scheduled(self, worker_id: str) -> WorkerView | None:
        """A worker with its jobs, as the scheduler sees it; None if it does not know it."""
        return self._dispatcher.scheduler.workers.get(worker_id)

    @property
    def ready(self) -> bool:
        """Whether any worker takes requests."""
        return any(member.takes_jobs for member in self.members)

    @property
    def all_known(self) -> bool:
        """Whether there is a worker, and every worker has named its models at least once."""
        return bool(self.members) and all(member.backend.models for member in self.members)

    def models(self) -> dict[str, dict[str, Any]]:
        """Every model's entry of ``/v1/models``, also of workers that are down now."""
        return {
            name: entry
            for member in reversed(self.members)
            for name, entry in member.backend.models.items()
        }

    def served(self, model: str) -> list[Member]:
        """The members that take requests of a model now; of ``ANY_MODEL``, every one that does."""
        return [
            member
            for member in self.members
            if member.takes_jobs and (model == ANY_MODEL or model in member.backend.models)
        ]

    def trouble(self, model: str) -> list[str]:
        """What is wrong with the workers that may serve a model and are down, each kind once."""
        down = [m for m in self.members if not m.healthy and not m.draining]
        may = [m for m in down if model == ANY_MODEL or model in (m.backend.models or (model,))]
        return sorted({member.trouble for member in may} - {""})

    def untried(self, model: str, tried: Container[str]) -> list[Member]:
        """The members that take requests of a model, except ``tried`` and those that cool down."""
        return [m for m in self.served(model) if not m.cooling and m.id not in tried]

    def serves(self, worker_id: str, model: str) -> bool:
        """Whether a worker is a member and serves the model, healthy or not."""
        member = self._members.get(worker_id)
        return member is not None and model in (ANY_MODEL, *member.backend.models)

    def default_model(self) -> str | None:
        """The model of a request that names none, as vLLM takes it: the first name of the model.

        None where the workers serve several models. An adapter is no model of its own.
        """
        entries = [entry for member in self.members for entry in member.backend.models.values()]
        models = [entry for entry in entries if not entry.get("parent")]
        roots = {entry.get("root") or entry["id"] for entry in models}
        return str(models[0]["id"]) if len(roots) == 1 else None

    async def read_models(self) -> None:
        """Read the models of every healthy worker now."""
        healthy = [member for member in self.members if member.healthy]
        await asyncio.gather(*map(self.health.read_models, healthy))

    def max_model_len(self, model: str) -> float:
        """The longest context that any worker has for the model, in tokens."""
        backends = [member.backend for member in self.members]
        lengths = [b.max_model_len(model) for b in backends if model in b.models]
        return max(lengths, default=math.inf)

    def most_slots(self, model: str) -> float:
        """Most sequences that a worker of the model runs at once; infinite if one is not known."""
        backends = [m.backend for m in self.members if model in (ANY_MODEL, *m.backend.models)]
        return max((b.config.max_num_seqs or math.inf for b in backends), default=math.inf)

    def set_members(self, workers: Iterable[WorkerConfig]) -> None:
        """Make these workers the fleet's members; needs a running loop.

        New workers are probed and then used. Workers that are not listed any more get no new
        requests. Their running requests end, then their connections close.
        """
        configs = {Backend(config).id: config for config in workers}
        for worker_id, config in configs.items():
            member = self._members.get(worker_id)
            if member is None:
                self._join(config)
            elif member.leaving or member.backend.config != config:
                member.leaving, member.backend.config = False, config
                self._configure(member)
        for worker_id, member in self._members.items():
            if worker_id not in configs and not member.leaving:
                self._leave(member)

    def drain(self, worker_id: str, drained: bool = True) -> None:
        """Send a worker nothing new, whatever its probes say, or go on; what runs there ends.

        Raises:
            KeyError: there is no such worker.
        """
        member = self._members[worker_id]
        self.drained.set(worker_id, drained)
        if member.drained != drained:
            member.drained = drained
            what = "is drained by an operator" if drained else "is drained no more"
            log.info("worker %s %s", member.id, what)
            if not member.leaving:
                self._configure(member)

    def _join(self, config: WorkerConfig) -> None:
        backend = Backend(config, self._timeout)
        backend.open()
        drained = backend.id in self.drained
        self._members[backend.id] = Member(backend, next(self._ranks), drained=drained)
        self._joined.set()
        state = ", drained by an operator before the restart" if drained else ""
        log.info("worker %s joins%s", backend.id, state)

    def _leave(self, member: Member) -> None:
        member.leaving = True
        log.info("worker %s leaves: no new requests; its running requests end", member.id)
        scheduler = self._dispatcher.scheduler
        if member.id in scheduler.workers:
            self._dispatcher.apply(scheduler.remove_worker(member.id))
        member.probe_now.set()

    def _configure(self, member: Member) -> None:
        if member.id in self._dispatcher.scheduler.workers:
            self.health.update_scheduler(member)
        member.scraped = -math.inf
        member.probe_now.set()

    def apply(self, config: Config) -> None:
        """Take the sections ``health``, ``scheduling`` and ``requests``: for each worker, now."""
        self._timeout = _timeout(config)
        for member in self.members:
            member.backend.timeout = self._timeout
            self.health.respec(member)
            member.probe_now.set()

    async def probe(self) -> None:
        """Probe every worker once."""
        await asyncio.gather(*map(self.health.probe, self.members))

    async def watch(self) -> None:
        """Probe every worker, also workers that join later, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for member in self.members:
                    if not member.watched:
                        member.watched = True
                        group.create_task(self._watch(member))
                self._joined.clear()
                await self._joined.wait()

    async def _watch(self, member: Member) -> None:
        """Watch a worker until it has left. A fault here ends no other worker's watch."""
        try:
            await self._supervisor.keep(WATCH, lambda: self.health.watch(member))
        finally:
            member.watched = False
        del self._members[member.id]
        await member.backend.close()
        log.info("worker %s has left", member.id)

    async def close(self) -> None:
        """Close every connection."""
        for member in self.members:
            await member.backend.close()


def _timeout(config: Config) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=config.requests.connect_timeout_s)
