"""Backend: one vLLM server over HTTP, and what it says of itself."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gateway.config.workers import WorkerConfig
from gateway.workers.engine_report import EngineReport, parse_report

CONNECT_TIMEOUT_S = 10.0

KEEPALIVE_S = 3.0
"""vLLM's server closes idle connections after 5 s: ours must be given up before."""

FAILURES = (aiohttp.ClientError, ConnectionError, TimeoutError)
"""How a broken worker shows itself."""


@dataclass(slots=True)
class Backend:
    """The connection to one worker. Call ``open`` first and ``close`` last."""

    config: WorkerConfig
    models: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Model name -> its entry in ``/v1/models``, as last read."""
    report: EngineReport = field(default_factory=EngineReport)
    _session: aiohttp.ClientSession | None = None

    @property
    def id(self) -> str:
        """The worker's name everywhere: its base URL."""
        return str(self.config.url).rstrip("/")

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open HTTP session."""
        assert self._session is not None, "Backend.open was not called"
        return self._session

    def open(self) -> None:
        """Make the HTTP session; needs a running loop."""
        # The scheduler bounds what is sent at once; a second bound here would only hide a queue.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def drop_connections(self) -> None:
        """Fail whatever still waits for this worker: it is lost."""
        lost = self.session
        self.open()
        await lost.close()

    def max_model_len(self, model: str) -> float:
        """Context length in tokens, infinite where the worker does not say."""
        value = self.models.get(model, {}).get("max_model_len")
        return value if isinstance(value, int) else math.inf

    def authorization(self) -> dict[str, str]:
        """The header that carries the worker's own API key, if it has one."""
        key = self.config.api_key
        # In lower case, as ASGI gives the client's, which it takes the place of.
        return {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}

    async def probe(self, timeout_s: float, *, scrape: bool) -> None:
        """Ask for health; with ``scrape`` also for models and load.

        Raises:
            FAILURES: it does not answer, or not with success.
        """
        async with asyncio.timeout(timeout_s):
            (await self._get("/health")).release()
            if not scrape:
                return
            answer = await (await self._get("/v1/models")).json(content_type=None)
            self.models = {entry["id"]: entry for entry in answer["data"]}
            await self.scrape()

    async def scrape(self) -> None:
        """Read the engine's load; a server without vLLM's metrics leaves the report empty."""
        try:
            text = await (await self._get("/metrics")).text()
        except aiohttp.ClientResponseError:
            return
        self.report = parse_report(text)

    async def _get(self, path: str) -> aiohttp.ClientResponse:
        response = await self.session.get(self.id + path, headers=self.authorization())
        response.raise_for_status()
        await response.read()
        return response
