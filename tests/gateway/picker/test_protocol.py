"""The picker's messages, as a data plane without Envoy sees them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from grpclib import GRPCError
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Cardinality
from grpclib.exceptions import StreamTerminatedError

from gateway.emulator import EmbeddedEmulator
from gateway.picker.messages import (
    BUFFERED,
    HealthCheckRequest,
    HealthCheckResponse,
    ProcessingRequest,
    ProcessingResponse,
)
from gateway.picker.service import NAME
from tests.gateway.harness import until
from tests.gateway.picker.envoy import picker

pytestmark = pytest.mark.asyncio(loop_scope="session")

BODY = b'{"model": "emulated", "messages": [{"role": "user", "content": "Hi"}]}'


@asynccontextmanager
async def talking(port: int) -> AsyncIterator[Any]:
    """One stream to the picker."""
    kinds = Cardinality.STREAM_STREAM, ProcessingRequest, ProcessingResponse
    async with Channel("127.0.0.1", port) as channel:
        stream = channel.request(f"/{NAME}/Process", *kinds)
        with contextlib.suppress(StreamTerminatedError):
            async with stream:
                await stream.send_request()
                try:
                    yield stream
                finally:
                    await stream.cancel()


def asked(mode: int | None, *, ended: bool = False) -> Any:
    """The first message; ``mode`` None: a data plane that does not tell its modes."""
    message = ProcessingRequest()
    pairs = {":method": "POST", ":path": "/v1/chat/completions", ":authority": "x"}
    for key, value in {**pairs, "content-type": "application/json"}.items():
        message.request_headers.headers.headers.add(key=key, raw_value=value.encode())
    message.request_headers.end_of_stream = ended
    if mode is not None:
        message.protocol_config.request_body_mode = mode
    return message


def piece(part: bytes, *, ended: bool) -> Any:
    message = ProcessingRequest()
    message.request_body.body, message.request_body.end_of_stream = part, ended
    return message


def destination_in(answer: Any, common: Any) -> tuple[str, str]:
    """The destination by header and by dynamic metadata."""
    chosen = answer.dynamic_metadata.fields["envoy.lb"].struct_value
    name = "x-gateway-destination-endpoint"
    headers = {one.header.key: one.header.raw_value for one in common.header_mutation.set_headers}
    return headers[name].decode(), chosen.fields[name].string_value


async def test_the_destination_is_told_by_header_and_by_metadata(
    emulator: EmbeddedEmulator,
) -> None:
    address = emulator.url.removeprefix("http://")
    async with picker(emulator.url) as running:
        async with talking(running.port) as call:
            await call.send_message(asked(BUFFERED))
            assert (await call.recv_message()).HasField("request_headers")
            await call.send_message(piece(BODY, ended=True))
            answer = await call.recv_message()
            common = answer.request_body.response
            assert destination_in(answer, common) == (address, address)
            assert not common.HasField("body_mutation")
        await running.gateway.until_idle()
        await until(lambda: running.processor.streams == 0, "the stream has ended")


async def test_a_data_plane_that_tells_no_modes_gets_the_body_back(
    emulator: EmbeddedEmulator,
) -> None:
    address = emulator.url.removeprefix("http://")
    async with picker(emulator.url) as running:
        async with talking(running.port) as call:
            await call.send_message(asked(None))
            await call.send_message(piece(BODY[:10], ended=False))
            await call.send_message(piece(BODY[10:], ended=True))
            answer = await call.recv_message()
            assert destination_in(answer, answer.request_headers.response) == (address, address)
            back = (await call.recv_message()).request_body.response.body_mutation.streamed_response
            assert (back.body, back.end_of_stream) == (BODY, True)
        await running.gateway.until_idle()


async def test_a_mode_that_lets_nothing_be_held_is_told(emulator: EmbeddedEmulator) -> None:
    async with picker(emulator.url) as running, talking(running.port) as call:
        await call.send_message(asked(1))  # STREAMED
        immediate = (await call.recv_message()).immediate_response
        assert immediate.status.code == 500
        assert b"FULL_DUPLEX_STREAMED or BUFFERED" in immediate.body


async def test_requests_beyond_the_bound_are_answered_503(emulator: EmbeddedEmulator) -> None:
    async with picker(emulator.url, max_requests=1) as running:
        async with talking(running.port) as first, talking(running.port) as second:
            await first.send_message(asked(BUFFERED))
            await first.recv_message()
            await second.send_message(asked(BUFFERED))
            await second.recv_message()
            async with asyncio.timeout(10):
                immediate = (await second.recv_message()).immediate_response
            assert immediate.status.code == 503
            assert b"too_many_connections" in immediate.body
            assert b"picker.max_requests" in immediate.body
        await running.gateway.until_idle()


async def _health(port: int, service: str) -> int:
    async with Channel("127.0.0.1", port) as channel:
        check = UnaryUnaryMethod(
            channel, "/grpc.health.v1.Health/Check", HealthCheckRequest, HealthCheckResponse
        )
        return int((await check(HealthCheckRequest(service=service))).status)


@pytest.mark.parametrize(("ready", "readiness"), [(True, 1), (False, 2)])
async def test_health_tells_life_and_readiness(
    emulator: EmbeddedEmulator, ready: bool, readiness: int
) -> None:
    async with picker(emulator.url, ready=ready) as running:
        assert await _health(running.port, "liveness") == 1
        for service in ("readiness", NAME):
            assert await _health(running.port, service) == readiness
        with pytest.raises(GRPCError, match="no service"):
            await _health(running.port, "other")
