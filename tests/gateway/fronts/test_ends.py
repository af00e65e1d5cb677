"""What becomes of clients, slots and processes when a process of the gateway ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from tests.gateway.fronts.several import LIMIT_S, PATIENCE_S, Several, alive, several, until_async
from tests.gateway.harness import chat, forced, until

pytestmark = pytest.mark.timeout(LIMIT_S)

LONG = 400
"""Tokens of an answer that is still coming when a test ends a process."""


class Stream:
    """A stream on a connection of its own."""

    def __init__(self) -> None:
        self.text, self.began, self.broken = b"", asyncio.Event(), False

    async def read(self, url: str, tokens: int, key: str = "") -> None:
        body = chat(stream=True, max_tokens=tokens, vllm_xargs=forced(tokens))
        headers = {"authorization": f"Bearer {key}"} if key else {}
        async with aiohttp.ClientSession() as client:
            try:
                async with client.post(
                    url + "/v1/chat/completions", json=body, headers=headers
                ) as response:
                    async for line in response.content:
                        self.text += line
                        self.began.set()
            except aiohttp.ClientError:
                self.broken = True
            finally:
                self.began.set()

    @property
    def whole(self) -> bool:
        """Whether the client has all of its answer."""
        return self.text.rstrip().endswith(b"data: [DONE]")


async def streams(
    url: str, count: int, tokens: int
) -> tuple[list[Stream], list[asyncio.Task[None]]]:
    """Streams that have begun."""
    begun = [Stream() for _ in range(count)]
    tasks = [asyncio.create_task(one.read(url, tokens)) for one in begun]
    await asyncio.gather(*(one.began.wait() for one in begun))
    return begun, tasks


async def _serves(gateway: Several) -> bool:
    body = chat(max_tokens=2, vllm_xargs=forced(2))
    async with (
        aiohttp.ClientSession() as client,
        client.post(gateway.url + "/v1/chat/completions", json=body) as response,
    ):
        return response.status == 200


async def test_a_killed_front_costs_its_own_clients_alone_and_comes_back(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        before = await gateway.pids()
        begun, tasks = await streams(gateway.url, 4, LONG)
        os.kill(before["front 1"], signal.SIGKILL)
        for _ in range(5):  # the port is served all the time
            assert await _serves(gateway)
        await asyncio.gather(*tasks)
        assert all(one.whole != one.broken for one in begun)  # whole, or cleanly broken
        await gateway.until_ready()
        after = await gateway.pids()
        assert after["front 1"] != before["front 1"]
        assert after["front 2"] == before["front 2"]
        assert await gateway.metric("lengthwise_process_restarts_total", process="front-1") == 1

        async def idle() -> bool:
            workers = (await gateway.page("/ready"))["workers"]
            return all(not one["in_flight"] for one in workers)

        await until_async(idle, "no slot is held for a client that has gone")
        begun, tasks = await streams(gateway.url, 4, 20)
        await asyncio.gather(*tasks)
        assert all(one.whole for one in begun)


async def test_what_killed_fronts_have_counted_since_a_page_stays_in_the_sums(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    count, tokens = 24, 3
    async with several(tmp_path, emulator.url) as gateway:
        begun, tasks = await streams(gateway.url, count, tokens)
        await asyncio.gather(*tasks)
        assert all(one.whole for one in begun)

        async def over() -> bool:
            return not (await gateway.page("/admin/status"))["requests_in_flight"]

        await until_async(over, "each request has its outcome")
        pids = await gateway.pids()
        for name in ("front 1", "front 2"):
            os.kill(pids[name], signal.SIGKILL)
        await gateway.until_others(pids, "front 1", "front 2")
        assert await gateway.metric("lengthwise_requests_total", outcome="ok") == count
        assert await gateway.metric("lengthwise_e2e_seconds_count") == count
        made = await gateway.metric("lengthwise_generation_tokens_total")
        assert made == count * tokens


async def test_a_killed_front_frees_what_its_requests_held_of_a_limit(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    key = "a-key-of-alice's-own"
    access = {"api_keys": {"alice": key}, "groups": [{"name": "alice", "concurrency": 2}]}
    async with several(tmp_path, emulator.url, access=access) as gateway:
        begun = [Stream(), Stream()]
        tasks = [asyncio.create_task(one.read(gateway.url, 3 * LONG, key)) for one in begun]
        await asyncio.gather(*(one.began.wait() for one in begun))
        refused = Stream()
        await refused.read(gateway.url, 2, key)
        assert b'"concurrency"' in refused.text
        pids = await gateway.pids()
        for name in ("front 1", "front 2"):
            os.kill(pids[name], signal.SIGKILL)
        await asyncio.gather(*tasks)
        await gateway.until_ready()
        again = Stream()
        await again.read(gateway.url, 4, key)
        assert again.whole, again.text


async def test_sigterm_drains_all_fronts(tmp_path: Path, emulator: EmbeddedEmulator) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        begun, tasks = await streams(gateway.url, 6, 60)
        gateway.signal()
        await asyncio.gather(*tasks)
        assert all(one.whole for one in begun)
        assert await gateway.ended() == 0
        assert "Traceback" not in gateway.log.read_text()


async def test_a_second_signal_cuts_at_all_fronts_and_clients_hear_why(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        pids = await gateway.pids()
        begun, tasks = await streams(gateway.url, 4, 5000)
        gateway.signal()
        await until(
            lambda: gateway.log.read_text().count("SIGTERM: draining") == 2,
            "both fronts drain",
            PATIENCE_S,
        )
        gateway.signal()
        await asyncio.gather(*tasks)
        assert all(b"shutting_down" in one.text for one in begun)
        assert await gateway.ended() == 1
        assert not any(alive(pid) for pid in pids.values())


async def test_no_process_outlives_a_killed_parent(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        pids = await gateway.pids()
        begun, tasks = await streams(gateway.url, 2, 5000)
        gateway.signal(signal.SIGKILL)
        await asyncio.gather(*tasks)
        assert all(b"shutting_down" in one.text for one in begun)
        await until(
            lambda: not any(alive(pid) for pid in pids.values()), "all have ended", PATIENCE_S
        )


async def test_a_front_that_hangs_shows_and_holds_no_page_up(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        pids = await gateway.pids()
        os.kill(pids["front 1"], signal.SIGSTOP)
        try:
            status, _ = await gateway.ask("/ready")
            fronts = (await gateway.page("/ready"))["fronts"]
            assert (status, fronts["front 1"], fronts["front 2"]) == (200, "silent", "ready")
            assert await gateway.metric("lengthwise_process_up", process="front-1") == 0
            assert await gateway.metric("lengthwise_process_up", process="front-2") == 1
            os.kill(pids["front 2"], signal.SIGSTOP)
            status, body = await gateway.ask("/ready")
            assert (status, b'"front_1_silent"' in body) == (503, True)
        finally:
            for name in ("front 1", "front 2"):
                os.kill(pids[name], signal.SIGCONT)
        await gateway.until_ready()


async def test_a_killed_scheduler_costs_no_answer_and_the_queue_goes_on(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        for _ in range(2):
            before = (await gateway.pids())["scheduler"]
            begun = [Stream() for _ in range(12)]  # the worker runs four at once: eight wait
            tasks = [asyncio.create_task(one.read(gateway.url, 100)) for one in begun]
            await begun[0].began.wait()
            os.kill(before, signal.SIGKILL)
            await asyncio.gather(*tasks)
            assert all(one.whole for one in begun)
            await gateway.until_ready()
            assert (await gateway.pids())["scheduler"] != before
        assert await gateway.metric("lengthwise_process_restarts_total", process="scheduler") == 2

        async def idle() -> bool:
            workers = (await gateway.page("/ready"))["workers"]
            return all(not one["in_flight"] for one in workers)

        await until_async(idle, "no slot is held")
