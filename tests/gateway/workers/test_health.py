"""When a worker counts as healthy, what it is asked, and what the scheduler is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.emulator import EmulatorConfig, create_emulator
from gateway.workers.engine_report import EngineReport
from gateway.workers.failures import ExchangeEnded
from tests.gateway.harness import gateway, listening, until
from tests.gateway.scripted import ScriptedWorker, scripted
from tests.gateway.workers.fleets import Wing, fleet_of
from tests.scheduler.builders import job

SELDOM = {"interval_s": 60.0, "scrape_s": 60.0}
LOAD = b"""\
vllm:num_requests_running 4.0
vllm:num_requests_waiting 0.0
vllm:kv_cache_usage_perc 0.1
"""


async def never(_: bytes) -> None:
    """Answer no probe: a worker that hangs."""
    await asyncio.Event().wait()


async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def taken(wing: Wing, worker: ScriptedWorker) -> bool:
    """Whether the scheduler may send jobs to the worker."""
    return wing.scheduler.workers[worker.url].takes_jobs


async def test_a_worker_that_answers_its_probe_is_sent_jobs() -> None:
    async with scripted(hang) as worker, fleet_of(worker.url) as wing:
        assert wing.fleet[worker.url].healthy
        assert taken(wing, worker)
        assert wing.scheduler.workers[worker.url].spec.models == {"emulated", ""}


async def test_a_worker_that_breaks_its_connections_is_down_at_once() -> None:
    async with scripted(hang) as worker:
        worker.metrics = LOAD
        async with fleet_of(worker.url) as wing:
            assert wing.fleet[worker.url].backend.report.running == 4
            worker.healthy = False
            await wing.fleet.probe()
            assert not wing.fleet[worker.url].healthy
            assert not taken(wing, worker)
            assert wing.fleet[worker.url].backend.report == EngineReport()
            worker.healthy = True
            await wing.fleet.probe()
            assert taken(wing, worker)


async def test_a_worker_is_down_after_so_many_timeouts_in_a_row_and_not_before() -> None:
    settings = {"timeout_s": 0.1, "failures": 2}
    async with scripted(hang) as worker, fleet_of(worker.url, health=settings) as wing:
        for hanging, healthy in [(True, True), (False, True), (True, True), (True, False)]:
            worker.before_probe = never if hanging else None
            await wing.fleet.probe()
            assert (wing.fleet[worker.url].healthy, taken(wing, worker)) == (healthy, healthy)


async def test_a_worker_that_hangs_fails_the_requests_that_run_there() -> None:
    settings = {"timeout_s": 0.1, "failures": 1}
    async with scripted(hang) as worker, fleet_of(worker.url, health=settings) as wing:
        backend = wing.fleet[worker.url].backend

        async def ask() -> None:
            async with backend.request("GET", "/v1/anything", {}, b""):
                pass

        request = asyncio.create_task(ask())
        await until(lambda: worker.served == 1, "the request is there")
        worker.before_probe = never
        await wing.fleet.probe()
        async with asyncio.timeout(1):
            with pytest.raises(ExchangeEnded, match="no answer within"):
                await request
        assert len(backend.exchanges) == 0


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_worker_that_does_not_read_a_request_is_dropped_and_probed_on() -> None:
    settings = {"timeout_s": 0.1, "failures": 1}
    async with scripted(hang) as worker, fleet_of(worker.url, health=settings) as wing:
        member = wing.fleet[worker.url]

        async def ask() -> None:
            async with member.backend.request("POST", "/v1/anything", {}, bytes(2**25)):
                pass

        request = asyncio.create_task(ask())
        await until(lambda: worker.served == 1, "the request has begun")
        worker.before_probe = never
        async with asyncio.timeout(5):
            await wing.fleet.probe()
            with pytest.raises(ExchangeEnded):
                await request
            worker.before_probe = None
            await wing.fleet.probe()
        assert member.healthy


async def test_a_worker_that_comes_back_is_learned_anew() -> None:
    async with scripted(hang) as worker, fleet_of(worker.url) as wing:
        member = wing.fleet[worker.url]
        member.slots.value = 99
        await wing.fleet.probe()
        assert member.slots.value == 99
        worker.healthy = False
        await wing.fleet.probe()
        worker.healthy = True
        await wing.fleet.probe()
        assert member.slots.value == 1


# Workers that leave


async def test_a_probe_does_not_bring_a_leaving_worker_back() -> None:
    settings = {"scrape_s": 0.05, "interval_s": 0.05}
    async with scripted(hang) as worker, fleet_of(worker.url, health=settings) as wing:
        async with wing.dispatcher.slot(job("1", model="emulated")) as slot:
            await slot.wait()
            wing.fleet.set_members([])
            member = wing.fleet[worker.url]
            member.scraped = float("-inf")
            await wing.fleet.probe()
            assert member.healthy
            assert not taken(wing, worker)
        assert worker.url not in wing.scheduler.workers
        member.scraped = float("-inf")
        await wing.fleet.probe()
        assert worker.url not in wing.scheduler.workers


async def test_a_reading_of_the_load_does_not_bring_a_leaving_worker_back() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hold_the_load(path: bytes) -> None:
        if path == b"/metrics":
            asked.set()
            await answer.wait()

    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(scripted(hang))
        worker.metrics = LOAD
        wing = await stack.enter_async_context(fleet_of(worker.url, health=SELDOM))
        for n in range(12):
            await stack.enter_async_context(wing.dispatcher.slot(job(str(n), model="emulated")))
        assert wing.scheduler.waiting, "the worker is full: its slots are being learned"
        worker.before_probe = hold_the_load
        await stack.enter_async_context(wing.watched())
        async with asyncio.timeout(1):
            await asked.wait()
        wing.fleet.set_members([])
        before = wing.fleet[worker.url].backend.report
        answer.set()
        await until(lambda: wing.fleet[worker.url].backend.report is not before, "it is read")
        await asyncio.sleep(0)  # the reader runs up to where it waits
        assert not taken(wing, worker)


async def test_a_change_of_settings_does_not_add_a_worker_that_was_never_there() -> None:
    url = "http://127.0.0.1:9"
    async with fleet_of(url) as wing:
        config = wing.fleet[url].backend.config.model_copy(update={"speed": 2.0})
        wing.fleet.set_members([config])
        assert wing.fleet[url].backend.config.speed == 2.0
        assert url not in wing.scheduler.workers


# How often


class Counting:
    """An emulated worker that counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._emulator = create_emulator(EmulatorConfig())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked[scope.get("path", "")] += 1
        await self._emulator(scope, receive, send)


async def test_health_is_asked_often_and_the_load_seldom() -> None:
    worker = Counting()
    settings = {"interval_s": 0.05, "scrape_s": 60}
    async with listening(worker) as url, gateway(url, health=settings):
        await until(lambda: worker.asked["/health"] >= 5, "it was asked five times")
        assert worker.asked["/metrics"] == worker.asked["/v1/models"] == 1


async def test_the_load_is_read_again_when_its_time_has_come() -> None:
    worker = Counting()
    settings = {"interval_s": 0.05, "scrape_s": 0.2}
    async with listening(worker) as url, gateway(url, health=settings):
        await until(lambda: worker.asked["/metrics"] >= 3, "it was read three times")
        assert worker.asked["/health"] > worker.asked["/metrics"]
