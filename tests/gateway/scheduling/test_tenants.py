"""Tenants as their clients feel them: shares, classes, bounds; and that no key is shown."""

import asyncio
import logging
from typing import Any

import aiohttp
import pytest

from gateway.config.tenants import Tenants
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.scheduling.regulars import ANSWERS
from gateway.scheduling.tenants import Tenancy
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, until

ONE_AT_A_TIME: dict[str, Any] = {
    "worker": {"max_num_seqs": 1},
    "scheduling": {"policy": "fcfs", "engine_queue": 0},
}
KEYS = {"chat": "sk-chat-secret", "batch": "sk-batch-secret", "stranger": "sk-stranger-secret"}
KNOWN = [{"name": name, "api_key": KEYS[name]} for name in ("chat", "batch")]

SALT = b"of one machine"


async def ask(
    session: aiohttp.ClientSession, running: Gateway, who: str, tokens: int, **fields: Any
) -> int:
    """The status of a request with that tenant's key, once its answer has come."""
    url = running.url + "/v1/chat/completions"
    headers = {"Authorization": f"Bearer {KEYS[who]}"}
    body = chat(vllm_xargs=forced(tokens), **fields)
    async with session.post(url, json=body, headers=headers) as response:
        await response.read()
        return response.status


async def finish_order(
    session: aiohttp.ClientSession,
    running: Gateway,
    requests: list[tuple[str, int]],
    **fields: Any,
) -> list[str]:
    """Send (tenant, tokens) one after the other while the worker is busy; who ended, in order."""
    done: list[str] = []

    async def send(who: str, tokens: int) -> None:
        assert await ask(session, running, who, tokens, **fields) == 200
        done.append(who)

    busy = asyncio.create_task(ask(session, running, "stranger", 2000))
    await until(lambda: running.in_flight == 1, "the worker is busy")
    tasks = []
    for waiting, (who, tokens) in enumerate(requests, start=1):
        tasks.append(asyncio.create_task(send(who, tokens)))
        await until(lambda n=waiting: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
    await asyncio.gather(busy, *tasks)
    return done


FLOOD = [("batch", 20)] * 12 + [("chat", 20)] * 2


async def test_a_flood_delays_another_tenant_by_no_more_than_a_job_each(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    tenants = {"fair": True, "known": KNOWN}
    async with gateway(emulator.url, tenants=tenants, **ONE_AT_A_TIME) as running:
        order = await finish_order(session, running, FLOOD)
    assert order.index("chat") <= 1
    assert "chat" in order[order.index("chat") + 1 :][:2]


async def test_without_fairness_all_are_one_tenant(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, tenants={"known": KNOWN}, **ONE_AT_A_TIME) as running:
        assert (await finish_order(session, running, FLOOD))[-2:] == ["chat", "chat"]
        assert "lengthwise_tenant" not in running.app.state.metrics.render().decode()


async def test_a_key_of_a_more_urgent_class_goes_first(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    known = [{**KNOWN[0], "urgency": -1}, KNOWN[1]]
    async with gateway(emulator.url, tenants={"known": known}, **ONE_AT_A_TIME) as running:
        assert (await finish_order(session, running, FLOOD))[:2] == ["chat", "chat"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tenant_is_charged_what_its_answers_came_to(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, stream: bool
) -> None:
    # All are forecast alike, some 400 tokens: equal charges would have them take turns.
    requests = [("batch", 1000), ("chat", 50)] * 4
    tenants = {"fair": True, "known": KNOWN}
    async with gateway(emulator.url, tenants=tenants, **ONE_AT_A_TIME) as running:
        order = await finish_order(session, running, requests, stream=stream)
    assert order[-3:] == ["batch"] * 3


async def test_a_tenant_of_twice_the_weight_gets_twice_the_tokens(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    known = [{**KNOWN[0], "weight": 2.0}, KNOWN[1]]
    tenants = {"fair": True, "known": known}
    async with gateway(emulator.url, tenants=tenants, **ONE_AT_A_TIME) as running:
        order = await finish_order(session, running, [("batch", 100), ("chat", 100)] * 8)
    assert 5 <= order[:9].count("chat") <= 7


async def test_a_tenants_full_queue_answers_429_and_leaves_room_for_others(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=1)) as slow:
        tenants = {"fair": True, "max_waiting": 1, "known": KNOWN}
        async with gateway(slow.url, tenants=tenants, **ONE_AT_A_TIME) as running:
            scheduler, tasks = running.scheduler, []
            for n, who in enumerate(("stranger", "batch", "chat")):
                tasks.append(asyncio.create_task(ask(session, running, who, 5000)))
                await until(
                    lambda n=n: running.in_flight == 1 and scheduler.waiting == n,  # type: ignore[misc]
                    "one request runs and the others wait",
                )
            url = running.url + "/v1/chat/completions"
            headers = {"x-api-key": KEYS["batch"]}
            async with session.post(url, json=chat(), headers=headers) as response:
                assert response.status == 429
                assert int(response.headers["Retry-After"]) >= 1
                error = (await response.json())["error"]
            assert error["code"] == "tenant_queue_full"
            assert "tenants.max_waiting" in error["message"]
            assert running.metric("requests_total", outcome="tenant_queue_full") == 1
            assert running.metric("tenant_waiting", tenant="batch") == 1
            async with session.get(running.url + "/ready") as response:
                waiting = (await response.json())["waiting_by_tenant"]
            assert waiting == {"chat": 1, "batch": 1, "other": 0}
            await hang_up(*tasks)


async def test_a_flood_does_not_have_others_turned_away(session: aiohttp.ClientSession) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=1)) as slow:
        tenants = {"fair": True, "known": KNOWN}
        limits: dict[str, Any] = {"tenants": tenants, "queue": {"max_waiting": 6}}
        async with gateway(slow.url, **limits, **ONE_AT_A_TIME) as running:
            held = running.scheduler
            flood = [asyncio.create_task(ask(session, running, "batch", 5000)) for _ in range(9)]
            refused = "requests_total"
            code = "tenant_queue_full"
            await until(lambda: running.metric(refused, outcome=code) == 5, "the rest is refused")
            other = asyncio.create_task(ask(session, running, "chat", 5))
            await until(lambda: held.waiting == 4, "another tenant's request is accepted")
            await hang_up(*flood, other)


async def test_no_key_is_logged_or_measured(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tenants = {"fair": True, "known": KNOWN}
    async with gateway(emulator.url, tenants=tenants) as running:
        for who in KEYS:
            assert await ask(session, running, who, 3) == 200
        async with session.get(running.url + "/ready") as response:
            shown = caplog.text + running.app.state.metrics.render().decode() + str(running)
            shown += await response.text()
    assert "chat" in shown
    assert not any(key in shown for key in KEYS.values())


async def test_a_workers_own_key_takes_the_place_of_the_clients(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=50, api_key="of-the-worker")) as worker:
        async with gateway(worker.url, worker={"api_key": "of-the-worker"}) as running:
            assert await ask(session, running, "chat", 3) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-chat-secret"},
        {"Authorization": "bearer  sk-chat-secret"},
        {"X-Api-Key": "sk-chat-secret"},
        {"api-key": "sk-chat-secret"},
        {"authorization": "sk-chat-secret"},
    ],
)
def test_a_key_is_known_in_whichever_header_it_comes(headers: dict[str, str]) -> None:
    settings = Tenants.model_validate({"fair": True, "known": KNOWN})
    assert Tenancy(settings, SALT).identify(headers).claim.tenant == "chat"


def test_regulars_are_told_apart_without_being_shown() -> None:
    tenancy = Tenancy(Tenants(fair=True), SALT)
    headers = [{"Authorization": f"Bearer {key}"} for key in ("a-key", "b-key", "fresh")]
    for owner in [tenancy.identify(each) for each in headers[:2]] * ANSWERS:
        tenancy.answered(owner.pseudonym, owner.claim.tenant, 0.0)
    first, second, fresh = (tenancy.identify(each).claim.tenant for each in headers)
    assert len({first, second, ""}) == 3
    assert "a-key" not in first
    assert fresh == tenancy.identify({}).claim.tenant == ""


def test_metrics_show_twenty_tenants_and_the_rest_together() -> None:
    known = [{"name": f"t{n}", "api_key": f"k{n}"} for n in range(30)]
    tenancy = Tenancy(Tenants.model_validate({"fair": True, "known": known}), SALT)
    shown = tenancy.shown({f"t{n}": 1 for n in range(30)} | {"an opaque name": 5})
    assert len(shown) == 21
    assert shown["other"] == 15


def test_a_pseudonym_depends_on_the_key_and_the_salt_and_shows_neither() -> None:
    tenancy = Tenancy(Tenants(), SALT)
    first, second = (tenancy.identify({"Authorization": key}) for key in ("Bearer a", "Bearer b"))
    assert len({first.pseudonym, second.pseudonym, ""}) == 3
    assert tenancy.identify({"authorization": "Bearer a"}) == first
    assert tenancy.identify({"X-Other": "Bearer a"}).pseudonym == ""
    elsewhere = Tenancy(Tenants(), b"of another machine")
    assert elsewhere.identify({"Authorization": "Bearer a"}).pseudonym != first.pseudonym


def test_a_named_tenant_has_a_pseudonym_in_the_log_too() -> None:
    headers = {"authorization": f"Bearer {KEYS['chat']}"}
    settings = Tenants.model_validate({"fair": True, "known": KNOWN})
    owner = Tenancy(settings, SALT).identify(headers)
    assert owner.pseudonym == Tenancy(Tenants(), SALT).identify(headers).pseudonym
    assert (owner.claim.tenant, len(owner.pseudonym)) == ("chat", 16)
