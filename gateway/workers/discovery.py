"""Discovery: workers found in a file or by DNS, and lost, while the gateway serves."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable

from pydantic import ValidationError

from gateway.config.file import ConfigError, load_workers
from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.metrics import Metrics
from gateway.workers.fleet import Fleet

log = logging.getLogger("lengthwise")

RESOLVE_TIMEOUT_S = 10.0
"""After which a resolution has failed, in seconds."""

Fingerprint = tuple[int, int, int]


class Discovery:
    """Keeps the fleet's members those of the configuration, the file and the name.

    What cannot be read or resolved leaves the workers that were found there before.
    """

    def __init__(self, config: Config, fleet: Fleet, metrics: Metrics) -> None:
        self._settings = config.discovery
        self._configured = config.workers
        self._fleet = fleet
        self._metrics = metrics
        self._of_file: tuple[WorkerConfig, ...] = ()
        self._of_dns: tuple[WorkerConfig, ...] = ()
        self._seen: Fingerprint | None = None
        self._complaints: dict[str, str] = {}
        self._shown: set[str] = set()

    async def watch(self) -> None:
        """Look again and again, until cancelled; nothing to look at needs no looking."""
        while self._settings.finds:
            await asyncio.sleep(self._settings.interval_s)
            await self.look()

    async def look(self) -> None:
        """Look once, and have the fleet follow."""
        if self._settings.file is not None:
            await asyncio.to_thread(self._read_file)
        if self._settings.dns is not None:
            await self._resolve(self._settings.dns)
        # Configured ones come last: what is said of them there counts.
        self._fleet.set_members((*self._of_dns, *self._of_file, *self._configured))
        self._show()

    def _show(self) -> None:
        """Have a metric of every worker, and of none that has left."""
        here = {member.id for member in self._fleet.members}
        for worker_id in here - self._shown:
            self._metrics.expect_worker(worker_id)
        for worker_id in self._shown - here:
            self._metrics.forget_worker(worker_id)
        self._shown = here

    def _read_file(self) -> None:
        path = self._settings.file
        assert path is not None, "there is no file to read"
        try:
            state = path.stat()
            found = state.st_mtime_ns, state.st_size, state.st_ino
            if found == self._seen:
                return
            self._of_file = load_workers(path)
        except OSError as error:
            self._complain("discovery.file", f"{path}: {error.strerror}. Put it there.")
        except ConfigError as error:
            self._seen = found
            self._complain("discovery.file", str(error))
        else:
            self._seen = found
            self._complaints.pop("discovery.file", None)

    async def _resolve(self, name: str) -> None:
        host, _, port = name.rpartition(":")
        resolve = asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                addresses = await resolve
        except (OSError, UnicodeError) as error:  # a TimeoutError is an OSError, too
            reason = getattr(error, "strerror", None) or str(error) or "no answer in time"
            text = f"{name!r} does not resolve: {reason}. Check the name and the resolver."
            self._complain("discovery.dns", text)
            return
        self._complaints.pop("discovery.dns", None)
        self._of_dns = tuple(self._workers(sorted({str(entry[4][0]) for entry in addresses}), port))

    def _workers(self, addresses: Iterable[str], port: str) -> Iterable[WorkerConfig]:
        for address in addresses:
            host = f"[{address}]" if ":" in address else address
            given = {"url": f"http://{host}:{port}", "api_key": self._settings.api_key}
            try:
                yield WorkerConfig.model_validate(given)
            except ValidationError:  # fe80::1%eth0: no URL can carry it
                self._complain("discovery.dns", f"{address} is no address for a URL: it is left.")

    def _complain(self, setting: str, text: str) -> None:
        """Say it once, not at every look."""
        if self._complaints.get(setting) != text:
            self._complaints[setting] = text
            log.error("%s: %s The workers found there before stay.", setting, text)
