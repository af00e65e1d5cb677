"""Names that resolve as a test wants them to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest

NAME = "vllm.test"


def resolve_as(monkeypatch: pytest.MonkeyPatch, addresses: Callable[[], Sequence[str]]) -> None:
    """Let ``NAME`` have these IPv4 or IPv6 addresses; none: it does not resolve."""
    loop = type(asyncio.get_running_loop())
    system = loop.getaddrinfo

    async def resolve(self: Any, host: Any, port: Any, **options: Any) -> Any:
        if host != NAME:
            return await system(self, host, port, **options)
        found = addresses()
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
