"""The status page: its figures are those of the scheduler, and it shows no credential."""

from __future__ import annotations

import asyncio

import aiohttp

from gateway.admin.overview import MOST_SHOWN, most
from gateway.emulator import EmbeddedEmulator
from tests.gateway.admin.operators import operated
from tests.gateway.harness import chat, hang_up, post, until


async def test_the_queue_is_counted_by_model_class_and_length(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    known = [{"name": "ops", "api_key": "key-of-the-operators", "urgency": -1}]
    async with operated(emulator.url, tenants={"fair": True, "known": known}) as running:
        await running.post(session, "/admin/pause")
        headers = [{}, {}, {"authorization": "Bearer key-of-the-operators"}]
        tasks = [asyncio.create_task(_ask(session, running.gateway.url, one)) for one in headers]
        await until(lambda: running.gateway.scheduler.waiting == 3, "they wait")
        page = await running.get(session, "/admin/status")
        await hang_up(*tasks)
        queue = page["queue"]
        assert queue["waiting"] == page["requests_in_flight"] == 3
        assert queue["by_model"] == {"emulated": 3}
        assert queue["by_class"] == {"-1": 1, "0": 2}
        assert queue["by_tenant"] == {"ops": 1, "shared": 2}
        assert sum(one["waiting"] for one in queue["by_length"]) == 3
        assert queue["expected_tokens"] > 0
        assert "key-of-the-operators" not in str(page)


async def _ask(session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
    async with session.post(url + "/v1/chat/completions", json=chat(), headers=headers) as answer:
        await answer.read()


async def test_forecasts_are_judged_by_what_came(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    async with operated(emulator.url) as running:
        before = (await running.get(session, "/admin/status"))["forecasts"]
        assert before["answers"] == 0
        assert before["interval_coverage"] is None
        await post(session, running.gateway.url, chat())
        after = (await running.get(session, "/admin/status"))["forecasts"]
        assert after["answers"] == 1
        assert after["interval_coverage"] in {0.0, 1.0}
        assert after["fallbacks"] == 1  # the harness serves without a predictor


async def test_user_and_password_of_a_worker_are_shown_nowhere(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    url = emulator.url.replace("http://", "http://root:hunter22@")
    async with operated(url) as running:
        for path in ("/admin/status", "/ready", "/metrics"):
            async with session.get(running.url + path) as response:
                text = await response.text()
                assert emulator.url in text
                assert "hunter22" not in text


async def test_metrics_may_be_on_the_operators_listener_alone(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    admin = {"listen": "127.0.0.1:1", "metrics_only": True}
    async with operated(emulator.url, admin=admin) as running:
        async with session.get(running.gateway.url + "/metrics") as response:
            assert response.status == 404
        async with session.get(running.url + "/metrics") as response:
            assert response.status == 200
            assert "lengthwise_healthy_workers 1.0" in await response.text()


def test_most_names_the_largest_counts_and_sums_the_rest() -> None:
    counts = {str(n): n for n in range(1, MOST_SHOWN + 3)}
    shown = most(counts)
    assert len(shown) == MOST_SHOWN + 1
    assert shown["others"] == 1 + 2
