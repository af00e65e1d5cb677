"""The HTTP client of a calibration: reads the server's reports, and gets streams of a known size.

Requests are streaming chats, or completions if the model has no chat template. The prompts' words
are random, so no prefix cache holds the prompts.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any, Self

import aiohttp
from pydantic import ValidationError

from gateway.calibrate.cost_model import Limits
from gateway.calibrate.errors import CalibrationError, refusal
from gateway.calibrate.stream import Stream, read_stream
from gateway.config.worker_url import without_credentials
from gateway.config.workers import WorkerConfig
from gateway.workers.engine_report import EngineReport, parse_report
from gateway.workers.failures import reason

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"

PROBE_WORDS = 64
"""Words of the longer of two prompts. Their sizes give the tokens per word."""

TIMEOUT_S = 120.0
"""Seconds that a request may take."""


@dataclass(slots=True)
class CalibrationClient:
    """A client of one server; use it as an async context manager.

    ``url`` may end in /v1, and may hold user and password, which are sent as Basic authorization
    and shown nowhere. ``key``, if any, is sent as a bearer token to this server only. ``extra``
    holds fields of every request body, for instance sampling parameters.

    Raises:
        CalibrationError: the URL is none of an HTTP server, or has a password beside a key.
    """

    url: str
    key: str = ""
    model: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    max_model_len: int | None = None
    report: EngineReport = field(default_factory=EngineReport)
    version: str = "unknown"
    _path: str = CHAT
    _tokens_per_word: float = 1.0
    _overhead_tokens: float = 0.0
    """Tokens of a prompt besides its words: the chat template."""
    _random: random.Random = field(default_factory=random.Random)
    _authorization: str | None = None
    _session: aiohttp.ClientSession = field(init=False)

    def __post_init__(self) -> None:
        server = _server(self.url, self.key)
        self.url, self._authorization = server.shown_url, server.authorization

    async def __aenter__(self) -> Self:
        headers = {"Authorization": self._authorization} if self._authorization else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=10),
            headers=headers,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def identify(self) -> None:
        """Read the model's name and context, vLLM's version and the current load.

        Raises:
            CalibrationError: nothing answers, the key is refused, the model is absent, or the
                server is busy.
        """
        models = json.loads(await self._get("/v1/models"))["data"]
        names = [entry["id"] for entry in models]
        if not self.model and names:
            self.model = names[0]
        entry = next((entry for entry in models if entry["id"] == self.model), None)
        if entry is None:
            raise CalibrationError(
                f"--model {self.model!r}: {self.url} serves {', '.join(names) or 'no model'}; "
                "give one of these names"
            )
        length = entry.get("max_model_len")
        self.max_model_len = length if isinstance(length, int) else None
        version = await self._get("/version", optional=True)
        self.version = str(json.loads(version)["version"]) if version else "unknown"
        await self.check_idle()

    async def check_idle(self) -> None:
        """Check that the server has no other client: the times would include other clients' work.

        Raises:
            CalibrationError: by the server's metrics, requests run or wait.
        """
        self.report = parse_report(await self._get("/metrics", optional=True))
        running, waiting = self.report.running or 0, self.report.waiting or 0
        if running or waiting:
            raise CalibrationError(
                f"{self.url} is busy: {running} requests of other clients run and {waiting} wait; "
                "take the server out of rotation and try again"
            )

    @property
    def limits(self) -> Limits:
        """The limits that the server reports."""
        return Limits(max_model_len=self.max_model_len, kv_tokens=self.report.kv_tokens)

    async def learn_prompts(self) -> None:
        """Find the endpoint to use, the tokens per word, and the tokens of the chat template.

        Raises:
            CalibrationError: neither chats nor completions are answered.
        """
        try:
            short, long = [await self._ask(words, 1) for words in (1, PROBE_WORDS)]
        except CalibrationError:
            self._path = COMPLETIONS
            short, long = [await self._ask(words, 1) for words in (1, PROBE_WORDS)]
        more = long.prompt_tokens - short.prompt_tokens
        self._tokens_per_word = max(0.1, more / (PROBE_WORDS - 1))
        self._overhead_tokens = max(0.0, short.prompt_tokens - self._tokens_per_word)

    async def stream(self, prompt_tokens: int, output_tokens: int) -> Stream:
        """Get an answer of exactly ``output_tokens`` to a prompt of about ``prompt_tokens``.

        Raises:
            CalibrationError: the request is refused, or the answer has another length.
        """
        words = (prompt_tokens - self._overhead_tokens) / self._tokens_per_word
        return await self._ask(max(1, int(words)), output_tokens)

    async def _ask(self, words: int, output_tokens: int) -> Stream:
        body = self._body(words, output_tokens)
        try:
            sent = time.perf_counter()
            async with self._session.post(self.url + self._path, json=body) as response:
                if response.status != 200:
                    raise self._refusal(response.status, self._path, await response.text())
                return await read_stream(response, sent, output_tokens)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CalibrationError(f"{self.url} broke off an answer: {reason(error)}") from error

    def _body(self, words: int, output_tokens: int) -> dict[str, Any]:
        text = " ".join("".join(self._random.choices(ascii_lowercase, k=3)) for _ in range(words))
        chat = {"messages": [{"role": "user", "content": text}]}
        return {
            **self.extra,
            "model": self.model,
            **(chat if self._path == CHAT else {"prompt": text}),
            "max_tokens": output_tokens,
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    async def _get(self, path: str, *, optional: bool = False) -> str:
        """The body of the answer to a GET; "" for a 404 if ``optional``."""
        try:
            async with self._session.get(self.url + path) as response:
                text = await response.text()
                if response.status == 404 and optional:
                    return ""
                if response.status != 200:
                    raise self._refusal(response.status, path, text)
                return text
        except (aiohttp.ClientError, OSError) as error:
            raise CalibrationError(
                f"nothing answers at {self.url}{path} ({reason(error)}); start the server or "
                "correct --worker"
            ) from error

    def _refusal(self, status: int, path: str, text: str) -> CalibrationError:
        return refusal(self.url, path, status, text, with_key=self._authorization is not None)


def _server(url: str, key: str) -> WorkerConfig:
    try:
        return WorkerConfig.model_validate({"url": url, "api_key": key or None})
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise CalibrationError(
            f"--worker {without_credentials(url)}: {why}. Give the URL of a vLLM server, such as "
            "http://127.0.0.1:8000"
        ) from None
