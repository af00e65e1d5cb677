"""Backend: the HTTP connection to one vLLM server, and the server's last report."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from gateway.config.workers import WorkerConfig
from gateway.protocol.dialects.reader import MOST_TOKENS
from gateway.protocol.tcp_keep_alive import kept_alive_socket
from gateway.workers.credentials import (
    NO_KEY_SENT,
    headers_for,
    key_is_missing,
    own_authorization,
)
from gateway.workers.engine_report import EngineReport, read_report
from gateway.workers.exact_request import ExactRequest
from gateway.workers.exchanges import Exchange, Exchanges
from gateway.workers.failures import (
    FAILURES,
    ExchangeEnded,
    Refused,
    reason,
    refusal,
    refuse_redirect,
)
from gateway.workers.models import parse_models
from gateway.workers.upload import upload

CLOSE_S = 1.0
"""Seconds that connections may take to close. One whose worker has stopped reading takes for
ever."""

KEEPALIVE_S = 3.0
"""Seconds that an idle connection is kept. vLLM's server closes idle connections after 5 s."""

MOST_BYTES = 8 * 2**20
"""Longest answer to a probe that is read. vLLM's metrics of many engines have about a megabyte."""

_PROBE_HEADERS = {"Accept-Encoding": "identity"}
"""The session does not decompress: it passes answers on as they come."""

_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add to a client's request without them."""

_LONGEST_HEADER = 65_536
"""Bytes of the longest header that a worker may answer."""


@dataclass(slots=True)
class Backend:
    """The connection to one worker. Call ``open`` first and ``close`` last."""

    config: WorkerConfig
    timeout: aiohttp.ClientTimeout = aiohttp.ClientTimeout(total=None, connect=10.0)  # noqa: RUF009 - frozen
    """After how long an attempt to connect has failed."""
    models: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Model name -> the model's entry in ``/v1/models``, as last read."""
    report: EngineReport = field(default_factory=EngineReport)
    oddity: str = ""
    """What was wrong with the last report or list of models, and ignored; "" for nothing."""
    unauthorized: bool = False
    """Whether the worker answered the last request 401 for want of a key."""
    exchanges: Exchanges = field(default_factory=Exchanges)
    """The clients' requests at this worker."""
    _session: aiohttp.ClientSession | None = None

    @property
    def id(self) -> str:
        """The worker's name everywhere: its base URL, without user and password."""
        return self.config.shown_url

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open HTTP session.

        Raises:
            ExchangeEnded: the backend has been closed; aiohttp would raise a RuntimeError.
        """
        assert self._session is not None, "Backend.open was not called"
        if self._session.closed:
            raise ExchangeEnded("the worker has left")
        return self._session

    def open(self) -> None:
        """Open the HTTP session; needs a running loop."""
        # The scheduler bounds the requests at a worker. A limit here would be a second queue.
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=KEEPALIVE_S, socket_factory=kept_alive_socket
        )
        # A jar would send one client's cookies with the next client's request. By trust_env,
        # HTTP_PROXY and ~/.netrc would decide where requests go, and with whose password.
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self.timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            request_class=ExactRequest,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )

    async def close(self) -> None:
        """End every request at this worker, and close every connection."""
        self.exchanges.end("the worker has left")
        if self._session is not None:
            await _closed(self._session)

    async def drop_connections(self, why: str) -> None:
        """End every request at this worker, and open new connections."""
        dropped = self._session
        self.open()
        self.exchanges.end(why)
        if dropped is not None:
            await _closed(dropped)

    @property
    def problem(self) -> str:
        """What is wrong with the worker although it is healthy; "" for nothing."""
        return self.oddity or (NO_KEY_SENT if self.unauthorized else "")

    def max_model_len(self, model: str) -> float:
        """Context length in tokens, infinite where the worker does not report it."""
        value = self.models.get(model, {}).get("max_model_len")
        if type(value) is int and 0 < value < MOST_TOKENS:  # a bool is no length
            return value
        return math.inf

    @asynccontextmanager
    async def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        exchange: Exchange | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a client's request as it is, but for keys and cookies.

        ``target``: path and query, encoded. The response is closed at the end of the block, which
        ends early when ``exchange`` is ended.

        Raises:
            WorkerRedirects: the answer is a redirect.
            FAILURES: the connection failed, the status is none of HTTP's, or the exchange was
                ended.
        """
        sent = headers_for(self.config, headers)
        asked = self.session.request(
            method,
            URL(self.id + target, encoded=True),
            data=upload(body, sent),
            headers=sent,
            skip_auto_headers=_ADDED_BY_AIOHTTP,
            timeout=self.timeout,
            allow_redirects=False,
        )
        with exchange or self.exchanges.new():
            async with asked as response:
                refuse_redirect(response)
                if not 200 <= response.status < 600:  # no server may pass it on
                    raise aiohttp.ClientPayloadError(f"status {response.status} is no answer")
                self.unauthorized = key_is_missing(self.config, response.status)
                yield response

    async def probe(self, timeout_s: float, *, scrape: bool) -> None:
        """Ask the worker for its health, and with ``scrape`` for its models and load.

        Raises:
            FAILURES: no answer in time, an error, or a list of models that is not OpenAI's.
        """
        async with asyncio.timeout(timeout_s):
            await self._get("/health")
            if not scrape:
                return
            unusable = self._take_models(await self._get("/v1/models"))
        await self.scrape(timeout_s)
        if unusable and not self.oddity:
            self.oddity = f"/v1/models: {unusable} entries without a usable id are ignored"

    async def read_models(self, timeout_s: float) -> None:
        """Ask the worker for its models.

        Raises:
            FAILURES: no answer in time, an error, or a list of models that is not OpenAI's.
        """
        async with asyncio.timeout(timeout_s):
            self._take_models(await self._get("/v1/models"))

    async def scrape(self, timeout_s: float) -> None:
        """Read the engine's load. A server without ``/metrics`` has an empty report.

        Load that cannot be read makes no worker unhealthy: the report then keeps only the size of
        the cache, which does not change, and ``oddity`` says why.
        """
        try:
            async with asyncio.timeout(timeout_s):
                body = await self._get("/metrics")
        except FAILURES as error:
            before = self.report
            self.report = EngineReport(kv_tokens=before.kv_tokens, kv_block=before.kv_block)
            absent = isinstance(error, Refused) and error.status == 404
            self.oddity = "" if absent else f"the load cannot be read: {reason(error)}"
        else:
            self.report = await read_report(body)
            names = ", ".join(self.report.ignored)
            self.oddity = f"/metrics: no sensible value of {names}; ignored" if names else ""

    def _take_models(self, body: bytes) -> int:
        try:
            self.models, unusable = parse_models(body)
        except ValueError as error:
            raise Refused(f"/v1/models {error}; give the URL of an OpenAI server") from None
        return unusable

    async def _get(self, path: str) -> bytes:
        """The body of the answer.

        Raises:
            FAILURES: there is none, or its status is not 2xx, or it is too long.
        """
        headers = {**_PROBE_HEADERS, **own_authorization(self.config)}
        url = self.id + path
        async with self.session.get(url, headers=headers, allow_redirects=False) as response:
            refuse_redirect(response)
            if response.status // 100 != 2:
                raise refusal(path, response.status, with_key=len(headers) > 1)
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    raise Refused(f"{path} answers more than {MOST_BYTES} bytes")
            return bytes(body)


async def _closed(session: aiohttp.ClientSession) -> None:
    """Close a session, and wait ``CLOSE_S`` for its connections."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await session.close()
