"""Clients that speak TLS, and certificates that change while they do."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from yarl import URL

from gateway.clients import certificate as certificates
from gateway.clients.certificate import Certificate
from gateway.config.errors import ConfigError
from gateway.config.listen import Tls
from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import PATIENCE_S, Gateway, chat, forced, gateway
from tests.gateway.raw import read_answer, request

HOST = "127.0.0.1"


class Files:
    """A certificate for 127.0.0.1 and its key, from an authority of the test."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.issue()

    def issue(self, *, key: bool = True) -> None:
        """Put a new certificate into the same files, and its key unless it is left out."""
        issued = self.authority.issue_cert(HOST)
        issued.cert_chain_pems[0].write_to_path(self.certificate)
        if key:
            issued.private_key_pem.write_to_path(self.key)

    @property
    def listen(self) -> dict[str, Any]:
        """Settings of a gateway."""
        return {"tls": {"certificate": self.certificate, "key": self.key}, "header_timeout_s": 0.5}

    async def connected(
        self, running: Gateway
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection whose client trusts the authority."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return await asyncio.open_connection(HOST, URL(running.url).port, ssl=context)

    async def serial(self, running: Gateway) -> str:
        """The serial number of the certificate that a new client sees."""
        _, writer = await self.connected(running)
        found: str = writer.get_extra_info("peercert")["serialNumber"]
        writer.close()
        return found


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setattr(certificates, "LOOK_S", 0.0)
    return Files(tmp_path)


async def test_clients_are_served_over_tls(files: Files, emulator: EmbeddedEmulator) -> None:
    context = ssl.create_default_context()
    files.authority.configure_trust(context)
    async with (
        gateway(emulator.url, listen=files.listen) as running,
        aiohttp.ClientSession() as session,
    ):
        url = running.url.replace("http:", "https:") + "/v1/chat/completions"
        for stream in (False, True):
            body = chat(vllm_xargs=forced(300), stream=stream)
            async with session.post(url, json=body, ssl=context) as response:
                assert response.status == 200
                assert (b"[DONE]" in await response.read()) == stream


async def test_a_refused_client_gets_its_reason_over_tls(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(listen=files.listen) as running:
        reader, writer = await files.connected(running)
        writer.write(request(b"GET", "/health", b"x: " + b"a" * 70_000))
        assert (await read_answer(reader)).status == 431
        writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_new_certificate_is_taken_up_and_connections_stay(files: Files) -> None:
    async with gateway(listen=files.listen) as running:
        before = await files.serial(running)
        reader, writer = await files.connected(running)
        files.issue()
        assert await files.serial(running) != before
        writer.write(request(b"GET", "/health"))
        assert (await read_answer(reader)).status == 200
        writer.close()


async def test_a_bad_certificate_is_told_once_and_the_old_one_stays(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(listen=files.listen) as running:
        before = await files.serial(running)
        files.issue(key=False)
        assert [await files.serial(running) for _ in range(2)] == [before] * 2
        errors = [line for line in caplog.records if line.levelno == logging.ERROR]
        assert len(errors) == 1
        assert "The certificate of before stays in use" in errors[0].getMessage()
        files.issue()
        assert await files.serial(running) != before


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nhost: gateway\r\n\r\n"])
async def test_who_speaks_no_tls_is_closed_in_time(files: Files, sent: bytes) -> None:
    async with gateway(listen=files.listen) as running, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(HOST, URL(running.url).port)
        writer.write(sent)
        assert b"HTTP" not in await reader.read()
        writer.close()


def test_files_that_cannot_be_used_are_named_with_the_remedy(files: Files, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"listen.tls.certificate: .*none.pem cannot be read"):
        Certificate(tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="PEM files of a certificate and of its own key"):
        Certificate(files.certificate)
    files.issue(key=False)
    with pytest.raises(ConfigError, match="PEM files of a certificate and of its own key"):
        Certificate(files.certificate, files.key)
    with pytest.raises(ValueError, match="set both, or none"):
        Tls(key=files.key)
