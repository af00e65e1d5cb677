"""Keys for tests: a file of keys, and requests that carry one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from gateway.access import keys_change
from gateway.access.key_file import changing
from gateway.config.access import Rights
from tests.gateway.harness import chat


def new_holder(file: Path, name: str, group: str = "", **rights: Any) -> str:
    """Add a holder to a file of keys; returns the key."""
    with changing(file) as holders:
        return keys_change.add(holders, name, group, Rights(**rights), None)


def revoke(file: Path, name: str) -> None:
    """Take back a holder's keys."""
    with changing(file) as holders:
        keys_change.revoke(holders, name)


def bearer(key: str) -> dict[str, str]:
    """The header with a key."""
    return {"Authorization": f"Bearer {key}"}


async def ask(
    session: aiohttp.ClientSession,
    url: str,
    headers: Any = None,
    path: str = "/v1/chat/completions",
    **fields: Any,
) -> tuple[int, dict[str, Any], Any]:
    """Status, JSON and headers of a chat request."""
    body = chat(**{"max_tokens": 2, **fields})
    async with session.post(url + path, json=body, headers=headers) as response:
        return response.status, await response.json(), response.headers


def code_of(body: dict[str, Any]) -> str:
    code: str = body["error"]["code"]
    return code
