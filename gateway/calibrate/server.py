"""The server under measurement: what it says of itself, and streams with the times of their events.

Requests are what clients send: streaming chats, or completions where the model has no chat
template. Their words are random, so that no prefix cache has seen them.
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

from gateway.calibrate.cost_model import Limits
from gateway.workers.engine_report import EngineReport, parse_report

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"

PROBE_WORDS = 64

TIMEOUT_S = 120.0


class CalibrationError(Exception):
    """The server cannot be measured; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One answer as its client saw it, in seconds on one clock.

    ``events`` are the times at which pieces of text came; a server that falls behind puts several
    tokens into one.
    """

    sent: float
    events: tuple[float, ...]
    prompt_tokens: int
    tokens: int

    def tokens_until(self, moment: float) -> float:
        """Tokens that had come by then, with as many in each event."""
        came = sum(event <= moment for event in self.events)
        return self.tokens * came / len(self.events)


@dataclass(slots=True)
class Server:
    """One server, while entered. ``key``, if any, goes out as bearer token and nowhere else."""

    url: str
    key: str = ""
    model: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What every request carries besides, for instance sampling parameters."""
    max_model_len: int | None = None
    report: EngineReport = field(default_factory=EngineReport)
    version: str = "unknown"
    _path: str = CHAT
    _tokens_per_word: float = 1.0
    _tokens_around: float = 0.0
    _random: random.Random = field(default_factory=random.Random)
    _session: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=10),
            headers=headers,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def identify(self) -> None:
        """Read the model's name and context, the version and the load.

        Raises:
            CalibrationError: nothing answers, the key is refused, or the model is not there.
        """
        models = json.loads(await self._get("/v1/models"))["data"]
        names = [entry["id"] for entry in models]
        if not self.model and names:
            self.model = names[0]
        entry = next((entry for entry in models if entry["id"] == self.model), None)
        if entry is None:
            raise CalibrationError(
                f"--model {self.model!r}: {self.url} serves {', '.join(names) or 'no model'}; "
                "name one of those"
            )
        length = entry.get("max_model_len")
        self.max_model_len = length if isinstance(length, int) else None
        version = await self._get("/version", optional=True)
        self.version = str(json.loads(version)["version"]) if version else "unknown"
        await self.check_idle()

    async def check_idle(self) -> None:
        """Nobody else is served: their work would be measured as ours.

        Raises:
            CalibrationError: the server's metrics say that requests run or wait there.
        """
        self.report = parse_report(await self._get("/metrics", optional=True))
        running, waiting = self.report.running or 0, self.report.waiting or 0
        if running or waiting:
            raise CalibrationError(
                f"{self.url} is busy: {running} requests run and {waiting} wait there that are not "
                "ours; take the server out of rotation and try again"
            )

    @property
    def limits(self) -> Limits:
        """What the server says of its limits."""
        return Limits(max_model_len=self.max_model_len, kv_tokens=self.report.kv_tokens)

    async def learn_prompts(self) -> None:
        """Find the endpoint to use, and how many tokens a prompt of some words has.

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
        self._tokens_around = max(0.0, short.prompt_tokens - self._tokens_per_word)

    async def stream(self, prompt_tokens: int, output_tokens: int) -> Stream:
        """Have an answer of exactly so many tokens written to a prompt of about so many.

        Raises:
            CalibrationError: the server refuses it, or answers with another length.
        """
        words = (prompt_tokens - self._tokens_around) / self._tokens_per_word
        return await self._ask(max(1, int(words)), output_tokens)

    async def _ask(self, words: int, output_tokens: int) -> Stream:
        text = " ".join("".join(self._random.choices(ascii_lowercase, k=3)) for _ in range(words))
        chat = self._path == CHAT
        body = {
            **self.extra,
            "model": self.model,
            **({"messages": [{"role": "user", "content": text}]} if chat else {"prompt": text}),
            "max_tokens": output_tokens,
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        try:
            sent = time.perf_counter()
            async with self._session.post(self.url + self._path, json=body) as response:
                if response.status != 200:
                    raise self._refusal(response.status, self._path, await response.text())
                return await self._read(response, sent, output_tokens)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CalibrationError(f"{self.url} broke off an answer: {error!r}") from error

    async def _read(self, response: aiohttp.ClientResponse, sent: float, wanted: int) -> Stream:
        events, usage = [], {}
        async for line in response.content:
            if not line.startswith(b"data: {"):
                continue
            if b'"choices":[]' not in line:
                events.append(time.perf_counter())
            if b'"usage":{' in line:
                usage = json.loads(line[6:])["usage"]
        found = usage.get("completion_tokens")
        if found != wanted or not events:
            raise CalibrationError(
                f"{self.url} answered {found} tokens where {wanted} were asked for: it must heed "
                "ignore_eos and stream_options.include_usage, as vLLM does"
            )
        return Stream(sent, tuple(events), usage["prompt_tokens"], wanted)

    async def _get(self, path: str, *, optional: bool = False) -> str:
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
                f"nothing answers at {self.url}{path} ({error!r}); start the server or correct "
                "--worker"
            ) from error

    def _refusal(self, status: int, path: str, text: str) -> CalibrationError:
        if status in {401, 403}:
            given = "the key is refused" if self.key else "it wants a key"
            remedy = "name the environment variable that holds the right one: --api-key-env NAME"
            return CalibrationError(f"{self.url}{path}: status {status}, {given}; {remedy}")
        if status == 404:
            return CalibrationError(
                f"{self.url} does not serve {path}; --worker is the base URL of a vLLM server, "
                "without /v1"
            )
        said: Any = " ".join(text.split())[:300] or "(no message)"
        return CalibrationError(f"{self.url}{path}: status {status}: {said}")
