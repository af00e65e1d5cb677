"""How the real Envoy connects to the picker: over TLS, and elsewhere after a goodbye."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from gateway.config.listen import Tls
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.picker.http2 import Gathering
from tests.gateway.harness import chat, forced, post, until
from tests.gateway.picker.envoy import envoy, picker

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_after_a_goodbye_streams_end_and_new_ones_come_on_another_connection(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=5)) as worker:
        async with picker(worker.url) as running, envoy(tmp_path, running.port) as url:
            body = chat(stream=True, vllm_xargs=forced(300))
            async with session.post(url + "/v1/chat/completions", json=body) as response:
                await response.content.readuntil(b"\n\n")
                assert running.server.connections == 1
                running.server.goodbye()
                status, _ = await post(session, url, chat(vllm_xargs=forced(3)))
                assert (status, running.server.connections) == (200, 2)
                assert (await response.read()).endswith(b"data: [DONE]\n\n")
            await until(lambda: running.server.connections == 1, "the first connection ends")
            await running.gateway.until_idle()


async def test_envoy_comes_over_tls_and_checks_the_certificate(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    ours, other = trustme.CA(), trustme.CA()
    certificate = ours.issue_cert("picker.test")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    tls = Tls(certificate=chain, key=key)
    async with picker(emulator.url, tls=tls) as running:
        for number, (authority, expected) in enumerate(((ours, 200), (other, 503))):
            trusted = tmp_path / f"ca-{number}.pem"
            authority.cert_pem.write_to_path(str(trusted))
            async with envoy(
                tmp_path,
                running.port,
                change=lambda clusters, path=trusted: _tls(clusters, path),  # type: ignore[misc]
            ) as url:
                status, _ = await post(session, url, chat(vllm_xargs=forced(3)))
                assert status == expected
        await running.gateway.until_idle()


def _tls(clusters: list[dict[str, Any]], authority: Path) -> None:
    kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    san = {"san_type": "DNS", "matcher": {"exact": "picker.test"}}
    trust = {"trusted_ca": {"filename": str(authority)}, "match_typed_subject_alt_names": [san]}
    clusters[1]["transport_socket"] = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": kind,
            "sni": "picker.test",
            "common_tls_context": {"alpn_protocols": ["h2"], "validation_context": trust},
        },
    }


class _Sent(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: Any) -> None:
        self.writes.append(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.writes.append(b"closed")


async def test_the_frames_of_a_turn_leave_together_and_before_the_end() -> None:
    sent = _Sent()
    gathering = Gathering(sent)
    gathering.write(b"one")
    gathering.write(b"two")
    await asyncio.sleep(0)
    assert sent.writes == [b"onetwo"]
    gathering.write(b"three")
    gathering.close()
    assert sent.writes == [b"onetwo", b"three", b"closed"]
