"""Engines whose sequences run and do not grow: found, left alone, and taken back."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from gateway.workers.engine_report import EngineReport
from gateway.workers.exchanges import Exchanges
from gateway.workers.stall import Stall
from tests.gateway.harness import gateway, until
from tests.gateway.requests.answers import DONE, STOP, ask, streams
from tests.gateway.requests.test_frozen_workers import stall
from tests.gateway.scripted import CHUNK, ScriptedWorker, scripted

SOON = {"interval_s": 0.05, "scrape_s": 0.05, "stall_s": 0.3}


def load(running: int, generated: int) -> bytes:
    """An engine's report."""
    return (
        f"vllm:num_requests_running {running}.0\nvllm:num_requests_waiting 0.0\n"
        f"vllm:generation_tokens_total {generated}.0\n"
    ).encode()


async def _probed(worker: ScriptedWorker, times: int) -> None:
    """Return once the worker has been asked so many more times."""
    seen = len(worker.probed)
    await until(lambda: len(worker.probed) >= seen + times, "it is probed on")


async def test_a_stalled_engine_is_down_until_it_is_idle(session: aiohttp.ClientSession) -> None:
    async with (
        scripted(stall) as worker,
        gateway(worker.url, health=SOON, queue={"no_worker_grace_s": 5}) as running,
    ):
        worker.metrics = load(2, 100)
        async with asyncio.timeout(10):
            status, body = await ask(session, running, stream=True)
            assert (status, b"worker_failed" in body) == (200, True)
            member = running.app.state.fleet[worker.url]
            assert "stalled: 2 sequences run" in member.problem
            await _probed(worker, 6)
            assert not member.healthy
            worker.metrics, worker.script = load(0, 100), streams(CHUNK, STOP, DONE)
            assert (await ask(session, running, stream=True))[1] == CHUNK + STOP + DONE
            assert not member.problem


async def test_an_engine_that_gets_on_is_left_alone(session: aiohttp.ClientSession) -> None:
    async with scripted(stall) as worker, gateway(worker.url, health=SOON) as running:
        asked = asyncio.create_task(ask(session, running, stream=True))
        for generated in range(20):
            worker.metrics = load(2, generated)
            await _probed(worker, 4)
        assert running.app.state.fleet[worker.url].healthy
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)


def _seconds(
    *steps: tuple[EngineReport, float],
    waits: bool = True,
    begun: float = 0,
    progressed: float = 0,
) -> float:
    """What a watch has counted after the reports, at their times."""
    watch, exchanges = Stall(), Exchanges()
    if waits:
        exchange = exchanges.new()
        exchange.begun = begun
        exchanges._all.add(exchange)
    exchanges.progressed = progressed
    counted = 0.0
    for report, now in steps:
        counted = watch.seconds(report, exchanges, now)
    return counted


def _noted(*reports: EngineReport) -> Exchanges:
    """What has been noted of the engine after these reports, a second apart from 1 s on."""
    watch, exchanges = Stall(), Exchanges()
    for now, report in enumerate(reports, start=1):
        watch.seconds(report, exchanges, now)
    return exchanges


def _memory(
    generated: int, preemptions: int, waiting: int = 0, usage: float = 0.97
) -> EngineReport:
    return EngineReport(
        running=2,
        waiting=waiting,
        kv_usage=usage,
        preemptions=preemptions,
        generated=generated,
    )


@pytest.mark.parametrize(
    ("before", "after", "pressed"),
    [
        (_memory(1, 3), _memory(9, 4), True),
        (_memory(1, 3), _memory(9, 3, waiting=1), True),
        (_memory(1, 3), _memory(9, 3, waiting=1, usage=0.3), False),
        (_memory(1, 3), _memory(9, 3), False),
        (_memory(1, 0), _memory(9, 0, waiting=1), False),
        (_memory(1, 3), _memory(1, 4), False),
        (_memory(9, 3), _memory(1, 0), False),
        (EngineReport(), EngineReport(), False),
    ],
)
def test_an_engine_is_short_of_memory_where_sequences_lost_theirs_and_others_grow(
    before: EngineReport, after: EngineReport, pressed: bool
) -> None:
    noted = _noted(before, after)
    assert (noted.pressed == 2) is pressed
    assert (noted.grew == 2) is ((after.generated or 0) > (before.generated or 0))


def test_what_counts_as_a_stall() -> None:
    still, moved, idle = (EngineReport(running=n, generated=g) for n, g in ((3, 7), (3, 8), (0, 7)))
    assert _seconds((still, 10), (still, 20), (still, 50)) == 40
    assert _seconds((still, 10), (still, 20), (moved, 50)) == 0
    assert _seconds((still, 10), (still, 20), (idle, 50)) == 0
    assert _seconds((still, 10), (still, 50), waits=False) == 0
    assert _seconds((still, 10), (still, 50), progressed=30) == 0
    assert _seconds((still, 10), (still, 200), begun=199) == 1
    unknown = EngineReport(running=None, generated=None)
    assert _seconds((unknown, 10), (unknown, 50)) == 0
    embeddings = EngineReport(running=3, generated=None)
    assert _seconds((embeddings, 10), (embeddings, 50)) == 0
