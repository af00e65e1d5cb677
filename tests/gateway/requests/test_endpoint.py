"""How requests of each path are treated, from the client to scripted workers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.app import create_app
from gateway.config.errors import ConfigError
from gateway.config.settings import Config
from tests.gateway.harness import chat, gateway, hang_up, post, until
from tests.gateway.scripted import answer, scripted

ONE_SLOT: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {"engine_queue": 0}}


async def echo(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b'{"ok": true}'))


def models(*names: str, **fields: str) -> bytes:
    """JSON of /v1/models."""
    entries = [{"id": name, "object": "model", **fields} for name in names]
    return json.dumps({"object": "list", "data": entries}).encode()


async def ask(
    session: aiohttp.ClientSession, method: str, url: str, body: dict[str, Any] | None = None
) -> tuple[int, Any]:
    async with session.request(method, url, json=body) as response:
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tokenize", {"prompt": "x"}),
        ("POST", "/detokenize", {"model": "emulated", "tokens": [1]}),
        ("POST", "/v1/messages/count_tokens", {"model": "emulated", "messages": []}),
        ("POST", "/v1/responses/resp_1/cancel", None),
        ("GET", "/v1/responses/resp_1?stream=true", None),
        ("DELETE", "/v1/responses/resp_1", None),
        ("OPTIONS", "/v1/chat/completions", None),
        ("GET", "/v1/anything", None),
        ("GET", "/version", None),
        ("POST", "/ping", None),
        ("POST", "/v1/embeddings", {"model": "emulated", "input": "x"}),
    ],
)
async def test_what_generates_nothing_does_not_wait_behind_generations(
    session: aiohttp.ClientSession, method: str, path: str, body: dict[str, Any] | None
) -> None:
    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if worker.requests[-1].startswith(b"POST /v1/chat/completions "):
            await asyncio.Event().wait()
        writer.write(answer(b'{"ok": true}'))

    endpoints = {"at_once": ["/v1/embeddings"], "queued": ["/v1/anything"]}
    settings = {**ONE_SLOT, "endpoints": endpoints}
    async with scripted(hold) as worker, gateway(worker.url, **settings) as running:
        held = asyncio.create_task(post(session, running.url, chat()))
        await until(lambda: running.in_flight == 1, "the slot is taken")
        waiting = asyncio.create_task(post(session, running.url, chat()))
        await until(lambda: running.scheduler.waiting == 1, "a request waits")
        assert await ask(session, method, running.url + path, body) == (200, {"ok": True})
        assert worker.requests[-1].startswith(f"{method} {path} ".encode())
        await hang_up(held, waiting)


async def test_what_runs_on_the_engine_waits_for_a_slot(session: aiohttp.ClientSession) -> None:
    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with scripted(hold) as worker, gateway(worker.url, **ONE_SLOT) as running:
        held = asyncio.create_task(post(session, running.url, chat()))
        await until(lambda: running.in_flight == 1, "the slot is taken")
        body = {"model": "emulated", "query": "x", "documents": ["y"]}
        rerank = asyncio.create_task(ask(session, "POST", running.url + "/rerank", body))
        await until(lambda: running.scheduler.waiting == 1, "the request waits")
        await hang_up(held, rerank)


async def test_a_request_sent_at_once_waits_for_a_worker_and_is_sent_again(
    session: aiohttp.ClientSession,
) -> None:
    async def fail_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if worker.served == 1:
            writer.transport.abort()
        else:
            writer.write(answer(b"{}"))

    async with scripted(fail_once) as worker, gateway(worker.url) as running:
        assert await ask(session, "POST", running.url + "/tokenize", {"prompt": "x"}) == (200, {})
        assert worker.served == 2
        assert running.metric("worker_failures_total") == 1


async def test_a_request_sent_at_once_ends_where_no_worker_is_healthy(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        scripted(echo) as worker,
        gateway(worker.url, queue={"no_worker_grace_s": 0.1}) as running,
    ):
        worker.healthy = False
        await until(lambda: not running.app.state.fleet.ready, "the worker is down")
        status, body = await ask(session, "POST", running.url + "/v1/messages/count_tokens", {})
        assert status == 503
        assert body == {"type": "error", "error": body["error"]}
        assert body["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize(
    "path", ["/sleep?level=1", "/v1/load_lora_adapter", "/reset_prefix_cache", "/v1//sleep"]
)
async def test_what_steers_an_engine_does_not_reach_it(
    session: aiohttp.ClientSession, path: str
) -> None:
    async with scripted(echo) as worker, gateway(worker.url) as running:
        status, body = await ask(session, "POST", running.url + path, {})
        assert (status, body["error"]["code"]) == (403, "endpoint_refused")
        assert "endpoints.to_every_worker" in body["error"]["message"]
        assert worker.served == 0


async def test_what_steers_engines_goes_to_all_where_the_operator_allows_it(
    session: aiohttp.ClientSession,
) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b'{"error": "no"}', "400 Bad Request"))

    path = "/v1/load_lora_adapter"
    async with (
        scripted(echo) as one,
        scripted(echo) as two,
        gateway(one.url, two.url, endpoints={"to_every_worker": [path]}) as running,
    ):
        body = {"lora_name": "x", "lora_path": "/p"}
        assert await ask(session, "POST", running.url + path, body) == (200, {"ok": True})
        assert one.paths == two.paths == [path.encode()]
        two.script = refuse
        assert await ask(session, "POST", running.url + path, body) == (400, {"error": "no"})


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("at_once", "/v1/chat/completions"),
        ("at_once", "/v1/sleep"),
        ("to_every_worker", "/v1/embeddings"),
        ("to_every_worker", "/v1/models"),
    ],
)
def test_an_exception_that_would_break_the_gateway_is_refused(setting: str, path: str) -> None:
    config = Config.model_validate({"endpoints": {setting: [path]}})
    with pytest.raises(ConfigError, match=f"endpoints.{setting}: {path} is "):
        create_app(config, None)


# Models


@pytest.mark.parametrize("fields", [{}, {"model": None}, {"model": ""}])
async def test_a_body_without_a_model_means_the_one_that_is_served(
    session: aiohttp.ClientSession, fields: dict[str, Any]
) -> None:
    async with scripted(echo) as worker, gateway(worker.url) as running:
        body = {"messages": [{"role": "user", "content": "x"}], **fields}
        assert (await post(session, running.url, body))[0] == 200
        assert running.metric("requests_total", model="emulated", outcome="ok") == 1


async def test_aliases_and_adapters_are_one_model_with_what_they_name(
    session: aiohttp.ClientSession,
) -> None:
    adapter = json.loads(models("adapter", parent="m", root="/path"))["data"]
    names = json.loads(models("m", "alias", root="m"))["data"]
    async with scripted(echo) as worker:
        worker.models = json.dumps({"data": names + adapter}).encode()
        async with gateway(worker.url) as running:
            assert (await post(session, running.url, {"messages": []}))[0] == 200
            assert running.metric("requests_total", model="m", outcome="ok") == 1


async def test_a_body_must_name_one_of_several_models(session: aiohttp.ClientSession) -> None:
    async with scripted(echo) as one, scripted(echo) as two:
        two.models = models("other")
        async with gateway(one.url, two.url) as running:
            status, body = await post(session, running.url, {"messages": []})
            assert (status, body["error"]["code"]) == (400, "invalid_model")
            assert "other" in body["error"]["message"]
            assert (await ask(session, "POST", running.url + "/ping"))[0] == 200


@pytest.mark.parametrize("others", [[], ["http://127.0.0.1:9"]], ids=["alone", "one never seen"])
async def test_an_adapter_is_found_on_the_first_request_for_it(
    session: aiohttp.ClientSession, others: list[str]
) -> None:
    settings: dict[str, Any] = {"health": {"interval_s": 60, "scrape_s": 3600}}
    async with scripted(echo) as worker, gateway(worker.url, *others, **settings) as running:
        worker.models = models("emulated", "sql-lora")
        assert (await post(session, running.url, chat("sql-lora")))[0] == 200
        worker.models = models("emulated", "sql-lora", "later")
        status, body = await ask(session, "GET", running.url + "/v1/models/later")
        assert (status, body["id"]) == (200, "later")


async def test_many_wrong_names_cost_the_workers_few_readings(
    session: aiohttp.ClientSession,
) -> None:
    readings = 0

    async def count(path: bytes) -> None:
        nonlocal readings
        readings += path == b"/v1/models"

    settings: dict[str, Any] = {"health": {"interval_s": 60, "scrape_s": 3600}}
    async with scripted(echo) as worker, gateway(worker.url, **settings) as running:
        worker.before_probe = count
        wrong = [post(session, running.url, chat(f"wrong-{number}")) for number in range(20)]
        answers = await asyncio.gather(*wrong)
        assert {(status, body["error"]["code"]) for status, body in answers} == {
            (404, "model_not_found")
        }
        assert readings <= 2
