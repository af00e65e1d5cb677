"""Discovery: adds and removes workers by a file or by DNS while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from gateway.config.errors import ConfigError
from gateway.config.in_force import pause
from gateway.config.load import load_workers
from gateway.config.settings import Config
from gateway.config.workers import DiscoverySettings, WorkerConfig
from gateway.metrics import Metrics
from gateway.workers.addresses import Resolver
from gateway.workers.fleet import Fleet
from gateway.workers.twins import dropped, find_twins

log = logging.getLogger("lengthwise")

RESOLVE_TIMEOUT_S = 10.0
"""Seconds until an attempt to resolve a name has failed."""

Fingerprint = tuple[int, int, int]
"""Modification time in ns, size and inode of a file."""


class Discovery:
    """Keeps the fleet's members equal to the workers of the configuration, the file and the name.

    A file that cannot be read, or a name that does not resolve, leaves its workers as they are.
    """

    def __init__(self, config: Config, fleet: Fleet, metrics: Metrics) -> None:
        self._config = config
        self._fleet = fleet
        self._metrics = metrics
        self._file_workers: tuple[WorkerConfig, ...] = ()
        self._dns_workers: tuple[WorkerConfig, ...] = ()
        self._fingerprint: Fingerprint | None = None
        self._complaints: dict[str, str] = {}
        self._shown: set[str] = set()
        self._compared: set[str] = set()
        self._twins: set[str] = set()
        self._resolver = Resolver()
        self._looking = asyncio.Lock()

    @property
    def _settings(self) -> DiscoverySettings:
        """The section in force: a reload of the configuration replaces it."""
        return self._config.discovery

    async def watch(self) -> None:
        """Call ``look`` every ``discovery.interval_s`` seconds, until cancelled."""
        while True:
            await pause(lambda: self._settings.interval_s)
            if self._settings.finds:
                await self.look()

    async def look(self) -> None:
        """Read the file and resolve the name once, and change the fleet's members."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        settings = self._settings
        if settings.file is not None:
            await asyncio.to_thread(self._read_file, settings.file)
        if settings.dns is not None:
            await self._find_dns(settings.dns)
        # The last of several entries for one worker counts: the configuration's entry.
        found = (*self._dns_workers, *self._file_workers, *self._config.workers)
        workers = {worker.shown_url: worker for worker in found}
        await self._look_for_twins(workers)
        self._fleet.set_members(w for name, w in workers.items() if name not in self._twins)
        self._update_metrics()

    async def _look_for_twins(self, workers: Mapping[str, WorkerConfig]) -> None:
        """Find the workers that another URL names too, whenever workers come or go."""
        if workers.keys() == self._compared:
            return
        self._compared = set(workers)
        found = await find_twins(list(workers.values()))
        kept_for = dropped(list(workers), found)
        self._twins = set(kept_for)
        for name, kept in kept_for.items():
            log.warning(
                "workers %s and %s are one server, which counts once, by the second name",
                name,
                kept,
            )
        for twins in found:
            if not kept_for.keys() & {twins.first, twins.second}:
                log.warning(
                    "workers %s and %s have the same address. If they are one server, it gets "
                    "twice the requests that it has room for: remove one. Behind a proxy they may "
                    "be two.",
                    twins.first,
                    twins.second,
                )

    def _update_metrics(self) -> None:
        """Give every worker its counter, and drop the counters of workers that have left."""
        members = {member.id for member in self._fleet.members}
        for worker_id in members - self._shown:
            self._metrics.expect_worker(worker_id)
        for worker_id in self._shown - members:
            self._metrics.forget_worker(worker_id)
        self._shown = members

    def _read_file(self, path: Path) -> None:
        try:
            state = path.stat()
            fingerprint = state.st_mtime_ns, state.st_size, state.st_ino
            if fingerprint == self._fingerprint:
                return
            self._file_workers = load_workers(path)
        except OSError as error:
            self._complain("discovery.file", f"{path}: {error.strerror}. Put the file there.")
        except ConfigError as error:
            self._fingerprint = fingerprint
            self._complain("discovery.file", str(error))
        else:
            self._fingerprint = fingerprint
            self._complaints.pop("discovery.file", None)

    async def _find_dns(self, name: str) -> None:
        host, _, port = name.rpartition(":")
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                addresses = await self._resolver.addresses(host, int(port))
        except (OSError, UnicodeError) as error:  # a TimeoutError is an OSError
            reason = getattr(error, "strerror", None) or str(error) or "no answer in time"
            text = f"{name!r} does not resolve: {reason}. Check the name and the resolver."
            self._complain("discovery.dns", text)
            return
        self._complaints.pop("discovery.dns", None)
        self._dns_workers = tuple(self._workers(addresses, port))

    def _workers(self, addresses: Iterable[str], port: str) -> Iterable[WorkerConfig]:
        for address in addresses:
            host = f"[{address}]" if ":" in address else address
            worker = {
                "url": f"http://{host}:{port}",
                "api_key": self._settings.api_key,
                "forward_client_credentials": self._settings.forward_client_credentials,
            }
            try:
                yield WorkerConfig.model_validate(worker)
            except ValidationError:  # for instance fe80::1%eth0
                text = f"a URL cannot hold the address {address}. Remove the address from the name."
                self._complain("discovery.dns", text)

    def _complain(self, setting: str, text: str) -> None:
        """Log a fault of a setting once, and a different fault of this setting again."""
        if self._complaints.get(setting) != text:
            self._complaints[setting] = text
            log.error("%s: %s The workers found earlier stay in use.", setting, text)
