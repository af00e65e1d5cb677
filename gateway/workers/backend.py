"""Backend: the HTTP connection to one vLLM server, and the server's last report."""

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
"""Seconds until an attempt to connect has failed."""

KEEPALIVE_S = 3.0
"""Seconds that an idle connection is kept. vLLM's server closes idle connections after 5 s."""

FAILURES = (aiohttp.ClientError, ConnectionError, TimeoutError)
"""Errors that mean that the worker is broken, slow or unreachable."""


@dataclass(slots=True)
class Backend:
    """The connection to one worker. Call ``open`` first and ``close`` last."""

    config: WorkerConfig
    models: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Model name -> the model's entry in ``/v1/models``, as last read."""
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
        """Open the HTTP session; needs a running loop."""
        # The scheduler bounds the requests at a worker. A limit here would be a second queue.
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
        """Close the connections, so that every request at this worker fails, and open new ones."""
        dropped = self.session
        self.open()
        await dropped.close()

    def max_model_len(self, model: str) -> float:
        """Context length in tokens, infinite where the worker does not report it."""
        value = self.models.get(model, {}).get("max_model_len")
        return value if isinstance(value, int) else math.inf

    def authorization(self) -> dict[str, str]:
        """The header with the worker's own API key; empty without a key."""
        key = self.config.api_key
        # In lower case, as in the client's headers from ASGI, so that this header replaces them.
        return {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}

    async def probe(self, timeout_s: float, *, scrape: bool) -> None:
        """Ask the worker for its health, and with ``scrape`` for its models and load.

        Raises:
            FAILURES: no answer in time, or an error.
            KeyError, TypeError, ValueError: an answer is not in the form of an OpenAI server.
        """
        async with asyncio.timeout(timeout_s):
            (await self._get("/health")).release()
            if not scrape:
                return
            answer = await (await self._get("/v1/models")).json(content_type=None)
            self.models = {entry["id"]: entry for entry in answer["data"]}
            await self.scrape()

    async def scrape(self) -> None:
        """Read the engine's load. A server without ``/metrics`` keeps an empty report.

        Raises:
            FAILURES: the connection broke.
            ValueError: the answer is not Prometheus text.
        """
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
