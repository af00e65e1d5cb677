"""What failed requests make of a worker: it is probed at once, together, and not learned anew."""

from __future__ import annotations

import asyncio

from tests.gateway.harness import until
from tests.gateway.scripted import scripted
from tests.gateway.workers.fleets import fleet_of
from tests.gateway.workers.test_health import SELDOM, hang, never, taken


async def test_a_suspected_worker_gets_nothing_until_it_answers_a_probe() -> None:
    probes: list[bytes] = []

    async def count(path: bytes) -> None:
        probes.append(path)

    async with (
        scripted(hang) as worker,
        fleet_of(worker.url, health=SELDOM) as wing,
        wing.watched(),
    ):
        worker.before_probe = count
        await until(lambda: probes == [b"/health"], "the watch has begun")
        wing.fleet.health.suspect(wing.fleet[worker.url])
        assert not taken(wing, worker)
        async with asyncio.timeout(1):
            await until(lambda: taken(wing, worker), "it is probed at once")


async def test_requests_that_doubt_a_worker_together_share_one_probe() -> None:
    settings = {**SELDOM, "timeout_s": 0.1, "failures": 3}
    async with scripted(hang) as worker, fleet_of(worker.url, health=settings) as wing:
        health, member = wing.fleet.health, wing.fleet[worker.url]
        worker.before_probe = never
        before = len(worker.probed)
        assert all(await asyncio.gather(*(health.still_healthy(member) for _ in range(9))))
        assert (len(worker.probed) - before, member.failures) == (1, 1)
        assert await health.still_healthy(member)
        assert not await health.still_healthy(member), "three in a row"


async def test_a_probe_whose_asker_leaves_is_made_for_the_others() -> None:
    asked = asyncio.Event()

    async def hold_the_first(_: bytes) -> None:
        if not asked.is_set():
            asked.set()
            await asyncio.Event().wait()

    async with scripted(hang) as worker, fleet_of(worker.url, health=SELDOM) as wing:
        health, member = wing.fleet.health, wing.fleet[worker.url]
        worker.before_probe = hold_the_first
        first = asyncio.create_task(health.probe(member))
        await asked.wait()
        second = asyncio.create_task(health.probe(member))
        await asyncio.sleep(0)
        before = member.probed
        first.cancel()
        async with asyncio.timeout(1):
            await second
        assert member.probed > before


async def test_a_worker_that_lost_one_connection_keeps_what_was_learned() -> None:
    async with scripted(hang) as worker, fleet_of(worker.url) as wing:
        member = wing.fleet[worker.url]
        member.slots.value = 99
        wing.fleet.health.suspect(member)
        await wing.fleet.probe()
        assert (member.healthy, member.slots.value) == (True, 99)
