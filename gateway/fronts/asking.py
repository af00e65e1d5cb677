"""Asking over the gateway's private Unix sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

LIMIT_S = 2.0
"""Seconds that a process of the gateway may take for a page."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process has answered."""

    status: int
    content_type: str
    body: bytes


class Asked:
    """The HTTP pages of one process, by its socket's path."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limit_s: float = LIMIT_S,
    ) -> Answer | None:
        """The answer; None where the process gives none within ``limit_s`` seconds."""
        if self._session is None:
            connector = aiohttp.UnixConnector(path=self._path, limit=8)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        url = f"http://localhost{path}"
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session.request(method, url, data=body or None, headers=headers) as response,
            ):
                kind = response.headers.get("content-type", "")
                return Answer(response.status, kind, await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
