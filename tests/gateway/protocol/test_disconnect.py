"""A client that leaves frees its place and the worker stops, wherever its request was."""

import asyncio
from typing import Any

import aiohttp
import pytest

from gateway.clients.fate import Fate
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.protocol.disconnect import ClientGone, unless_gone
from tests.bench.load import hang_up_at_random
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, post, until

LONG = forced(6000)


# Without sockets


class Client:
    """Receives as ASGI does: nothing until the client leaves."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.left.wait()
        return {"type": "http.disconnect"}


async def test_work_is_cancelled_when_its_client_leaves() -> None:
    client, cancelled = Client(), asyncio.Event()

    async def work() -> None:
        client.left.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with asyncio.timeout(1):
        with pytest.raises(ClientGone), unless_gone(client.receive, lambda: False):
            await work()
    assert cancelled.is_set()


async def test_a_client_that_leaves_after_the_last_byte_has_not_hung_up() -> None:
    client, done = Client(), asyncio.Event()

    async def work() -> None:
        client.left.set()
        await asyncio.sleep(0)  # the listener hears of it
        await asyncio.sleep(0)
        done.set()

    with unless_gone(client.receive, lambda: True):
        await work()
    assert done.is_set()


async def test_a_cancellation_from_elsewhere_is_no_hang_up() -> None:
    async def waiting() -> None:
        with unless_gone(Client().receive, lambda: False):
            await asyncio.sleep(60)  # until it is cancelled

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_work_is_passed_on() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), unless_gone(Client().receive, lambda: False):
        await fail()


@pytest.mark.parametrize("lost", [True, False])
async def test_a_line_tells_of_its_end_by_itself(lost: bool) -> None:
    line = Fate(lost=lost)

    async def work() -> None:
        if line.at_loss is not None and not lost:
            line.at_loss()
        await asyncio.Event().wait()

    async with asyncio.timeout(1):
        with pytest.raises(ClientGone), unless_gone(Client().receive, lambda: False, line):
            await work()
    assert line.at_loss is None


# Through a gateway


async def _worker_idle(running: Gateway, worker: EmbeddedEmulator) -> None:
    await running.until_idle()
    await until(
        lambda: not worker.engine.running and not worker.engine.waiting, "the worker is idle"
    )


async def test_a_client_that_leaves_while_queued_never_reaches_a_worker(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        settings: dict[str, Any] = {"engine_queue": 0}
        one = {"max_num_seqs": 1}
        async with gateway(worker.url, scheduling=settings, worker=one) as running:
            tasks = [
                asyncio.create_task(post(session, running.url, chat(vllm_xargs=LONG)))
                for _ in range(3)
            ]
            await until(lambda: running.scheduler.waiting == 2, "two wait")
            for task in tasks[1:]:
                await hang_up(task)
            await until(lambda: running.scheduler.waiting == 0, "nobody waits")
            assert running.in_flight == 1
            await hang_up(tasks[0])
            await _worker_idle(running, worker)
            assert running.metric("requests_total", outcome="client_gone") == 3
            assert running.metric("queue_wait_seconds_count") == 1


async def test_a_client_with_a_large_body_that_leaves_while_queued_is_heard(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with gateway(worker.url) as running:
            running.app.state.dispatcher.pause()
            body = chat(messages=[{"role": "user", "content": "word " * 60_000}])
            task = asyncio.create_task(post(session, running.url, body))
            await until(lambda: running.scheduler.waiting == 1, "it waits")
            await hang_up(task)
            await _worker_idle(running, worker)
            assert running.metric("requests_total", outcome="client_gone") == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_mid_answer_stops_the_worker(
    session: aiohttp.ClientSession, stream: bool
) -> None:
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with gateway(worker.url) as running:
            body = chat(stream=stream, vllm_xargs=LONG)
            task = asyncio.create_task(post(session, running.url, body))
            await until(lambda: bool(worker.engine.running), "it runs")
            await hang_up(task)
            await _worker_idle(running, worker)
            assert running.metric("requests_total", outcome="client_gone") == 1


async def test_a_stream_given_up_after_some_chunks_stops_the_worker(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with gateway(worker.url) as running:
            url = running.url + "/v1/chat/completions"
            async with session.post(url, json=chat(stream=True, vllm_xargs=LONG)) as response:
                for _ in range(10):
                    await response.content.readline()
                response.close()
            await _worker_idle(running, worker)
            assert running.metric("requests_total", outcome="client_gone") == 1


async def test_chunks_are_not_held_back(session: aiohttp.ClientSession) -> None:
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with gateway(worker.url) as running:
            url = running.url + "/v1/chat/completions"
            async with session.post(url, json=chat(stream=True, vllm_xargs=LONG)) as response:
                await response.content.readline()
                assert worker.engine.running, "the first chunk comes while the answer is written"
                response.close()
            await _worker_idle(running, worker)


async def test_a_thousand_requests_with_random_hang_ups_leave_nothing_behind(
    emulator: EmbeddedEmulator,
) -> None:
    async with gateway(emulator.url) as running:
        bodies = [chat(stream=i % 2 == 0, vllm_xargs=forced(5 + i % 60)) for i in range(1000)]
        counts = await hang_up_at_random(running.url, bodies, seed=1, longest_s=0.9)
        await _worker_idle(running, emulator)
        assert (counts.answered, counts.left) == (667, 333)
        assert running.metric("requests_total", outcome="ok") == counts.answered
        assert running.metric("requests_total") == counts.sent
