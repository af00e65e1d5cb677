"""Aliases, splits, the default and fallbacks, from the client to the workers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.gateway.access.keys import bearer, new_holder
from tests.gateway.harness import chat, gateway, hang_up, post, until
from tests.gateway.requests.named_models import serving
from tests.gateway.scripted import refusing, scripted

ONE_SLOT: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {"engine_queue": 0}}


async def never(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def test_an_alias_reaches_its_model_and_nothing_else_of_the_body_changes(
    session: aiohttp.ClientSession,
) -> None:
    raw = b'{ "x": 1e400, "model" :"gpt-4o", "messages": [{"role":"user","content":"\\u00e9"}]}'
    settings = {"aliases": {"gpt-4o": "llama"}}
    scheduling = {"send_priority": False}
    async with (
        serving("llama") as worker,
        gateway(worker.url, models=settings, scheduling=scheduling) as running,
    ):
        url = running.url + "/v1/chat/completions"
        async with session.post(url, data=raw) as response:
            assert response.status == 200
        assert worker.bodies == [raw.replace(b'"gpt-4o"', b'"llama"')]
        assert running.metric("requests_total", model="llama", outcome="ok") == 1
        labels = {"asked": "gpt-4o", "model": "llama", "reason": "alias"}
        assert running.metric("model_choices_total", **labels) == 1


async def test_a_large_body_and_one_beside_the_queue_are_renamed_too(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        serving("llama") as worker,
        gateway(worker.url, models={"aliases": {"a": "llama"}}) as running,
    ):
        large = chat("a", padding="x" * 300_000)
        assert (await post(session, running.url, large))[0] == 200
        tokenize = running.url + "/tokenize"
        async with session.post(tokenize, json={"model": "a", "prompt": "x"}) as response:
            assert response.status == 200
        assert worker.models == ["llama", "llama"]


async def test_an_upload_is_renamed(session: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"\x00\r\n--\xff", filename="a.wav", content_type="audio/wav")
    form.add_field("model", "whisper-1")
    async with (
        serving("whisper-large") as worker,
        gateway(worker.url, models={"aliases": {"whisper-1": "whisper-large"}}) as running,
    ):
        url = running.url + "/v1/audio/transcriptions"
        async with session.post(url, data=form) as response:
            assert response.status == 200
        assert b"\r\n\r\nwhisper-large\r\n--" in worker.bodies[0]
        assert b"whisper-1" not in worker.bodies[0]
        assert b"\x00\r\n--\xff\r\n" in worker.bodies[0]


async def test_a_body_without_a_model_gets_the_default(session: aiohttp.ClientSession) -> None:
    async with (
        serving("one", "two") as worker,
        gateway(worker.url, models={"default": "two"}) as running,
    ):
        assert (await post(session, running.url, {"messages": []}))[0] == 200
        assert (await post(session, running.url, chat("one")))[0] == 200
        async with session.post(running.url + "/v1/completions/render") as response:
            assert response.status == 200  # names no model, and generates nothing
        assert worker.bodies[-1] == b""
        worker.bodies.pop()
        assert worker.models == ["two", "one"]


async def test_a_split_sends_a_session_to_one_model_and_all_sessions_by_weight(
    session: aiohttp.ClientSession,
) -> None:
    split = {"splits": {"llama": {"llama": 3, "llama-v2": 1}}}
    async with (
        serving("llama") as old,
        serving("llama-v2") as new,
        gateway(old.url, new.url, models=split) as running,
    ):
        for number in range(40):
            for turn in range(2):
                await post(session, running.url, chat("llama", seed=turn, user=f"u{number}"))
        assert (set(old.models), set(new.models)) == ({"llama"}, {"llama-v2"})
        users = [{body.split(b'"user": "')[1] for body in one.bodies} for one in (old, new)]
        assert not users[0] & users[1]
        assert len(users[0] | users[1]) == 40
        assert 4 <= len(users[1]) <= 16
        chosen = {
            model: running.metric("model_choices_total", model=model, reason="split")
            for model in ("llama", "llama-v2")
        }
        assert chosen == {"llama": 2 * len(users[0]), "llama-v2": 2 * len(users[1])}


async def test_the_list_of_models_has_aliases_and_splits(session: aiohttp.ClientSession) -> None:
    settings = {
        "aliases": {"a": "one", "nowhere": "absent"},
        "splits": {"s": {"one": 1, "two": 1}, "two": {"two": 1, "one": 0}},
    }
    async with (
        serving("one", max_model_len=100, root="/m") as one,
        serving("two", max_model_len=50) as two,
        gateway(one.url, two.url, models=settings) as running,
    ):
        async with session.get(running.url + "/v1/models") as response:
            entries = {entry["id"]: entry for entry in (await response.json())["data"]}
        assert entries.keys() == {"one", "two", "a", "s"}
        assert entries["a"] == {**entries["one"], "id": "a"}
        assert entries["s"]["max_model_len"] == 50
        async with session.get(running.url + "/v1/models/a") as response:
            assert (await response.json()) == entries["a"]


async def test_an_alias_of_a_model_that_nobody_serves_names_that_model(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        serving("one") as worker,
        gateway(worker.url, models={"aliases": {"a": "absent"}}) as running,
    ):
        status, body = await post(session, running.url, chat("a"))
        assert (status, body["error"]["code"]) == (404, "model_not_found")
        assert "`absent` does not exist (meant by `a`)" in body["error"]["message"]


async def test_an_alias_that_hides_a_served_model_is_told_once(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving("one", "two") as worker,
        gateway(worker.url, models={"aliases": {"one": "two"}}) as running,
    ):
        for _ in range(2):
            await post(session, running.url, chat("one"))
        assert worker.models == ["two", "two"]
    told = [record.getMessage() for record in caplog.records if "models.aliases" in record.msg]
    assert len(told) == 1
    assert "one is also the name of a served model" in told[0]


# Fallbacks


async def test_a_model_without_a_healthy_worker_is_passed_over_at_once(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        serving("big") as big,
        serving("small") as small,
        gateway(big.url, small.url, models={"fallbacks": {"big": ["small"]}}) as running,
    ):
        assert (await post(session, running.url, chat("big")))[0] == 200
        big.worker.healthy = False
        await until(lambda: not running.app.state.fleet.served("big"), "it is down")
        async with asyncio.timeout(5):  # half of queue.no_worker_grace_s
            assert (await post(session, running.url, chat("big")))[0] == 200
        assert (big.models, small.models) == (["big"], ["small"])
        reason = {"asked": "big", "model": "small", "reason": "no_healthy_worker"}
        assert running.metric("model_choices_total", **reason) == 1
        assert running.metric("requests_total", model="small", outcome="ok") == 1


async def test_a_full_queue_sends_further_requests_to_the_fallback(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        serving("big", script=never) as big,
        serving("small") as small,
        gateway(
            *(big.url, small.url),
            models={"fallbacks": {"big": ["small"]}},
            queue={"max_waiting": 1},
            **ONE_SLOT,
        ) as running,
    ):
        held = []
        for waiting in (0, 1):
            held.append(asyncio.create_task(post(session, running.url, chat("big"))))
            await until(lambda n=waiting: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
            await until(lambda: running.in_flight == 1, "one runs")
        assert (await post(session, running.url, chat("big")))[0] == 200
        assert small.models == ["small"]
        assert running.metric("model_choices_total", model="small", reason="queue_full") == 1
        await hang_up(*held)


@pytest.mark.parametrize(
    ("script", "reason"),
    [(break_off, "worker_failed"), (refusing("503 Service Unavailable"), "worker_refused")],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/tokenize"])
async def test_workers_that_all_fail_or_refuse_send_the_request_to_the_fallback(
    session: aiohttp.ClientSession, script: Any, reason: str, path: str
) -> None:
    async with (
        serving("big", script=script) as big,
        serving("small") as small,
        gateway(
            *(big.url, small.url),
            models={"fallbacks": {"big": ["small"]}},
            requests={"retries": 0},
        ) as running,
    ):
        async with session.post(running.url + path, json=chat("big")) as response:
            assert response.status == 200
        assert (big.models, small.models) == (["big"], ["small"])
        assert running.metric("model_choices_total", model="small", reason=reason) == 1


async def test_the_last_model_s_error_is_the_client_s(session: aiohttp.ClientSession) -> None:
    async with (
        serving("big", script=break_off) as big,
        serving("small", script=refusing("429 Too Many Requests", "7")) as small,
        gateway(
            *(big.url, small.url),
            models={"fallbacks": {"big": ["small"]}},
            requests={"retries": 0},
        ) as running,
    ):
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat("big")) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "7")


async def test_what_the_request_itself_causes_falls_back_to_nothing(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        serving("big", script=refusing("400 Bad Request")) as big,
        serving("small") as small,
        gateway(big.url, small.url, models={"fallbacks": {"big": ["small"]}}) as running,
    ):
        assert (await post(session, running.url, chat("big")))[0] == 400
        status, body = await post(session, running.url, chat("big", n=10_000))
        assert (status, body["error"]["code"]) == (400, "too_many_sequences")
        assert small.bodies == []
        assert running.metric("model_choices_total", model="small") == 0


async def test_no_fallback_answers_with_a_model_that_the_key_must_not_use(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    narrow, wide = new_holder(file, "ana", "narrow"), new_holder(file, "ben", "wide")
    groups = [{"name": "narrow", "models": ["small"]}, {"name": "wide", "models": ["*"]}]
    async with (
        scripted(refusing("503 Service Unavailable")) as broken,
        serving("big") as other,
        gateway(
            broken.url,
            other.url,
            models={"fallbacks": {"small": ["big"]}},
            access={"keys_file": str(file), "groups": groups},
        ) as running,
    ):
        broken.models = b'{"data":[{"id":"small","max_model_len":4096}]}'
        await until(lambda: running.app.state.fleet.served("small"), "the model is there")
        url = running.url + "/v1/chat/completions"
        for key, status in ((narrow, 503), (wide, 200)):
            async with session.post(url, json=chat("small"), headers=bearer(key)) as one:
                assert one.status == status
        assert len(other.bodies) == 1
