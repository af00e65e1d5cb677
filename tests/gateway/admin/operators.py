"""A gateway with its operators' application on a socket of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.gateway.harness import Gateway, gateway, listening


@dataclass(frozen=True, slots=True)
class Operated:
    """A running gateway and the URL of its operators' listener."""

    gateway: Gateway
    url: str

    async def get(self, session: aiohttp.ClientSession, path: str) -> dict[str, Any]:
        """The JSON of a page."""
        async with session.get(self.url + path) as response:
            page: dict[str, Any] = await response.json()
            return page

    async def post(
        self, session: aiohttp.ClientSession, path: str, **fields: Any
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a change."""
        async with session.post(self.url + path, json=fields) as response:
            return response.status, await response.json()


@contextlib.asynccontextmanager
async def operated(*workers: str, **settings: Any) -> AsyncIterator[Operated]:
    """A gateway before these workers, and its operators' listener on 127.0.0.1."""
    async with (
        gateway(*workers, **settings) as running,
        listening(running.app.state.admin) as url,
    ):
        yield Operated(running, url)
