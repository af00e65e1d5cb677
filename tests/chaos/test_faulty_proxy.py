"""The front of a chaos worker passes answers on whole, misbehaves on order, and keeps count."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.chaos.faulty_proxy import Ending, FaultyProxy, with_false_usage
from tests.chaos.http_text import AnswerEnd, message
from tests.chaos.processes import free_ports
from tests.chaos.schedule import Fault
from tests.gateway.harness import until

ANSWER = message("HTTP/1.1 200 OK", {"usage": {"completion_tokens": 12}})
ASKED = message("POST /v1/completions HTTP/1.1", {"prompt": "x"}, "x-request-id: chaos-1")


@asynccontextmanager
async def front() -> AsyncIterator[FaultyProxy]:
    """A front before a worker that gives one answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'"x"}')
        writer.write(ANSWER)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as worker:
        worker_port = worker.sockets[0].getsockname()[1]
        proxy = FaultyProxy(free_ports(1)[0], worker_port, random.Random(0))
        await proxy.open()
        try:
            yield proxy
        finally:
            await proxy.close()


async def ask(proxy: FaultyProxy) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(ASKED)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_an_answer_passes_whole_and_is_counted() -> None:
    async with front() as proxy:
        assert await ask(proxy) == ANSWER
        (attempt,) = proxy.attempts
        assert (attempt.request_id, attempt.ending, attempt.status) == (
            "chaos-1",
            Ending.WHOLE,
            200,
        )


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.BROKEN])
async def test_a_refusal_is_counted_as_one(fault: Fault) -> None:
    async with front() as proxy:
        proxy.misbehave(fault)
        assert (await ask(proxy)).startswith((b"HTTP/1.1 429", b"HTTP/1.1 5"))
        assert proxy.attempts[0].ending is Ending.REFUSED


async def test_a_reset_breaks_the_connection() -> None:
    async with front() as proxy:
        proxy.misbehave(Fault.RESET)
        with pytest.raises(ConnectionResetError):
            await ask(proxy)
        assert proxy.attempts[0].ending is Ending.BROKEN


async def test_a_hung_worker_answers_when_the_fault_is_over() -> None:
    async with front() as proxy:
        proxy.misbehave(Fault.HANG)
        asking = asyncio.create_task(ask(proxy))
        await until(lambda: bool(proxy.attempts), "the request is at the worker")
        assert not asking.done()
        proxy.misbehave(None)
        assert await asking == ANSWER


async def test_a_lie_changes_the_count_and_not_the_length() -> None:
    async with front() as proxy:
        proxy.misbehave(Fault.LIE_USAGE)
        lie = await ask(proxy)
        assert len(lie) == len(ANSWER)
        assert b'"completion_tokens": -9' in lie
        assert proxy.attempts[0].lied


async def test_a_closed_front_refuses_connections() -> None:
    async with front() as proxy:
        await proxy.close()
        with pytest.raises(ConnectionRefusedError):
            await ask(proxy)
        await proxy.open()
        assert await ask(proxy) == ANSWER


def test_false_counts_keep_their_number_of_bytes() -> None:
    for count in (b"7", b"12", b"12345"):
        honest = b'{"output_tokens":' + count + b', "n": 1}'
        assert len(with_false_usage(honest)) == len(honest)
        assert with_false_usage(honest) != honest
    assert with_false_usage(b'{"max_tokens": 5}') == b'{"max_tokens": 5}'


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_the_end_of_an_answer_is_found_however_it_is_cut(pieces: int) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for answer in (ANSWER, chunked):
        end = AnswerEnd()
        for begin in range(0, len(answer), pieces):
            assert not end.whole
            end.feed(answer[begin : begin + pieces])
        assert end.whole
        assert end.status == 200
