"""The image's check: whether the gateway answers, over HTTP and over TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest
import trustme
from yarl import URL

from tests.deploy.paths import DEPLOY
from tests.gateway.harness import gateway


async def _code(port: int | None) -> int | None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(DEPLOY / "healthcheck.py")),
        env={**os.environ, "LENGTHWISE_LISTEN_PORT": str(port)},
    )
    return await asyncio.wait_for(process.wait(), 30)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_gateway_is_alive_with_and_without_tls(tmp_path: Path, tls: bool) -> None:
    issued = trustme.CA().issue_cert("llm.example.org")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "tls.pem")
    listen = {"tls": {"certificate": tmp_path / "tls.pem"}} if tls else {}
    async with gateway("http://127.0.0.1:9", listen=listen) as running:
        assert await _code(URL(running.url).port) == 0


async def test_a_port_that_nobody_serves_is_not_alive() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert await _code(probe.getsockname()[1]) == 1
