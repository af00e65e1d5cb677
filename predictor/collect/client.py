"""A client that repeats a chat request until the server answers or refuses it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from predictor.collect.errors import CollectError, RefusedError

_RETRIED = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed."""

_ENDED = frozenset({"stop", "tool_calls", "function_call"})
"""Finish reasons of an answer that ended by itself."""

_MESSAGE_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a failed request is repeated.

    Without a Retry-After header, the defaults wait for some four minutes at most in all.
    """

    attempts: int = 10
    first_s: float = 1.0
    longest_s: float = 60.0

    def delay(self, attempt: int, retry_after: str | None) -> float:
        """Seconds to wait after the failed attempt number ``attempt`` (from 0).

        The delay is the server's ``retry_after`` if given. Else the delay doubles with each
        attempt, times a random factor of 0.5 to 1 that spreads concurrent requests. The delay is at
        most ``longest_s``.
        """
        if retry_after is not None and retry_after.isdecimal():
            return min(float(retry_after), self.longest_s)
        return min(self.first_s * 2.0**attempt, self.longest_s) * random.uniform(0.5, 1.0)


RETRY = Retry()


@dataclass(frozen=True, slots=True)
class SampledReply:
    """An answer's length in tokens, its prompt's length if known, and why the answer ended.

    ``capped``: the answer was cut, so its own length is right-censored.
    """

    tokens: int
    prompt_tokens: int | None
    finish_reason: str
    capped: bool


def endpoint(url: str) -> URL:
    """The chat completions endpoint of the server at ``url``, given with or without ``/v1``.

    Raises:
        CollectError: ``url`` is not an http address.
    """
    try:
        parsed = URL(url.strip().rstrip("/"))
    except ValueError as error:
        raise CollectError(f"--url {url!r}: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise CollectError(f"--url {url!r}: give an address such as http://127.0.0.1:8000")
    if parsed.path.endswith("/chat/completions"):
        return parsed
    base = parsed if parsed.path.endswith("/v1") else parsed / "v1"
    return base / "chat" / "completions"


@dataclass(slots=True)
class Client:
    """A client of one server; an async context manager.

    ``key``, if not "", is sent as bearer token and appears in no message.
    """

    url: URL
    key: str = ""
    timeout_s: float = 1800.0
    retry: Retry = RETRY
    _session: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> Client:
        # No limit on connections: the caller limits its concurrent requests.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def reach(self) -> None:
        """Check that a server answers at the address; a mistyped address then fails at once.

        Raises:
            CollectError: no server answers.
        """
        timeout = aiohttp.ClientTimeout(total=30)
        try:
            async with self._session.get(self.url.origin(), timeout=timeout, allow_redirects=False):
                return
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CollectError(
                f"nothing answers at {self.url.origin()} ({self._reason(error)}); start the "
                "server or correct --url"
            ) from error

    async def ask(self, body: Mapping[str, Any], on_retry: Callable[[str], None]) -> SampledReply:
        """The answer to a chat request; ``on_retry`` gets the reason for each repetition.

        Raises:
            RefusedError: the server refuses the request (4xx).
            CollectError: the server does not answer, or the answer is not of OpenAI's schema.
        """
        for attempt in range(self.retry.attempts):
            retry_after = None
            try:
                async with self._post(body) as response:
                    if response.status == 200:
                        return self._read(await response.read(), int(body["max_tokens"]))
                    problem = f"status {response.status}: {self._message(await response.read())}"
                    if response.status < 500 and response.status not in _RETRIED:
                        raise RefusedError(response.status, problem)
                    retry_after = response.headers.get("Retry-After")
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = self._reason(error)
            if attempt + 1 < self.retry.attempts:
                delay = self.retry.delay(attempt, retry_after)
                on_retry(f"{problem}; again in {delay:.0f} s")
                await asyncio.sleep(delay)
        raise CollectError(
            f"no answer from {self.url} in {self.retry.attempts} attempts, the last: {problem}"
        )

    def _post(self, body: Mapping[str, Any]) -> aiohttp.client._RequestContextManager:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        # A redirect would turn the POST into a GET, or carry the key to another server.
        return self._session.post(
            self.url,
            json=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=30),
        )

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self.timeout_s:.0f} s (--timeout; or lower --max-tokens)"
        return self._hide(f"{type(error).__name__}: {error}")

    def _message(self, data: bytes) -> str:
        """The error message in ``data`` by OpenAI's schema, else the beginning of ``data``."""
        text = data.decode("utf-8", "replace").strip()
        try:
            value: Any = json.loads(text)
            while isinstance(value, Mapping):
                value = next(value[key] for key in ("error", "message", "detail") if key in value)
            text = value if isinstance(value, str) else text
        except (ValueError, StopIteration):
            pass
        return self._hide(" ".join(text.split())[:_MESSAGE_CHARS] or "(no message)")

    def _hide(self, text: str) -> str:
        """The text without the key, since some servers repeat a refused key."""
        return text.replace(self.key, "***") if self.key else text

    def _read(self, data: bytes, max_tokens: int) -> SampledReply:
        try:
            reply = json.loads(data)
            reason = reply["choices"][0].get("finish_reason")
            usage = reply["usage"]
            tokens, prompt = usage["completion_tokens"], usage.get("prompt_tokens")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise CollectError(
                f"{self.url} answers, but without choices and usage.completion_tokens; is --url "
                "an OpenAI-compatible server that reports usage?"
            ) from error
        if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
            raise CollectError(f"{self.url}: usage.completion_tokens is {tokens!r}, not a count")
        ended = reason in _ENDED or (reason is None and tokens < max_tokens)
        return SampledReply(
            tokens=tokens,
            prompt_tokens=prompt if isinstance(prompt, int) else None,
            finish_reason=str(reason or ""),
            capped=not ended,
        )
