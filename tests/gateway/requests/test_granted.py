"""What a holder's rights make of his requests: models, aliases, token limits, steering."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.access.directory import Holder
from gateway.config.access import Rights
from gateway.protocol.errors import ApiError
from gateway.protocol.json_count import WINDOW
from gateway.protocol.openai import parse
from gateway.requests.granted import as_granted, check_default
from gateway.requests.reading import Reading
from tests.gateway.access.keys import ask, bearer
from tests.gateway.harness import chat, gateway
from tests.gateway.scripted import ANSWER, answer, scripted

KEY = "k" * 20


def holder(**rights: Any) -> Holder:
    return Holder("alice", "", Rights(**rights))


def sent(endpoint: str, fields: dict[str, Any], **rights: Any) -> dict[str, Any]:
    """What a worker gets of a request."""
    request = parse(endpoint, "POST", "application/json", json.dumps(fields).encode())
    granted, _ = as_granted(request, None, holder(**rights))
    body: dict[str, Any] = json.loads(granted.for_worker(None))
    assert granted.model == body["model"]
    assert granted.max_tokens == next(
        (body[name] for name in body if name.startswith("max_") and body[name]), None
    )
    return body


@pytest.mark.parametrize(
    ("endpoint", "given", "rights", "limits"),
    [
        ("chat/completions", {}, {}, {}),
        ("chat/completions", {}, {"max_tokens": 100}, {"max_tokens": 100}),
        ("chat/completions", {}, {"default_max_tokens": 7}, {"max_tokens": 7}),
        (
            "chat/completions",
            {},
            {"default_max_tokens": 70, "max_tokens": 50},
            {"max_tokens": 50},
        ),
        ("chat/completions", {"max_tokens": None}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("chat/completions", {"max_tokens": 9}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("chat/completions", {"max_tokens": 10}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("chat/completions", {"max_tokens": "10"}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("chat/completions", {"max_tokens": 10.0}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("chat/completions", {"max_tokens": 10}, {"default_max_tokens": 9}, {"max_tokens": 10}),
        (
            "chat/completions",
            {"max_completion_tokens": 99, "max_tokens": 3},
            {"max_tokens": 9},
            {"max_completion_tokens": 9, "max_tokens": 3},
        ),
        ("completions", {"max_completion_tokens": 3}, {"max_tokens": 9}, None),
        ("messages", {"max_tokens": 10}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("responses", {"max_output_tokens": 10}, {"max_tokens": 9}, {"max_output_tokens": 9}),
        ("responses", {}, {"max_tokens": 9}, {"max_output_tokens": 9}),
        ("chat/completions/batch", {"max_tokens": 10}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("embeddings", {}, {"max_tokens": 9}, {}),
    ],
)
def test_a_token_limit_is_at_most_the_holders(
    endpoint: str, given: dict[str, Any], rights: dict[str, Any], limits: dict[str, Any] | None
) -> None:
    if limits is None:  # a field that the endpoint does not read sets no limit
        request = parse(endpoint, "POST", "application/json", json.dumps(chat(**given)).encode())
        granted, _ = as_granted(request, None, holder(**rights))
        assert json.loads(granted.for_worker(None))["max_tokens"] == 9
        return
    found = sent(endpoint, chat(**given), **rights)
    assert {name: value for name, value in found.items() if name.startswith("max_")} == limits


def test_nothing_else_of_a_body_changes() -> None:
    body = b'{"model" : "fast","x":1e400, "max_tokens":50 ,"messages":[]}'
    request = parse("chat/completions", "POST", "application/json", body)
    granted, _ = as_granted(request, None, holder(aliases={"fast": "big"}, max_tokens=9))
    assert granted.for_worker(None) == (
        b'{"model" : "big","x":1e400, "max_tokens":9 ,"messages":[]}'
    )
    same, _ = as_granted(request, None, holder())
    assert same is request


async def test_a_large_body_is_changed_in_place_and_forecast_with_its_limit() -> None:
    text = "x" * (2 * WINDOW)
    body = json.dumps(
        {"model": "fast", "messages": [{"role": "user", "content": text}], "max_tokens": 900}
    ).encode()
    reading = Reading(1_000_000)
    request, described = await reading.read("chat/completions", "POST", "application/json", body)
    rights = holder(aliases={"fast": "big"}, max_tokens=9)
    request, described = as_granted(request, described, rights)
    assert described is not None
    assert (described.prompt.model, described.prompt.max_tokens) == ("big", 9)
    found = request.for_worker(3)
    assert json.loads(found) == json.loads(body) | {"model": "big", "max_tokens": 9, "priority": 3}


def test_a_form_with_several_models_reaches_the_worker_with_the_one_that_was_checked() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n'
    body = part % b"big" + part % b"small" + b"--x--\r\n"
    content_type = "multipart/form-data; boundary=x"
    request = parse("audio/transcriptions", "POST", content_type, body)
    granted, _ = as_granted(request, None, holder(models=["small"]), content_type)
    assert granted.for_worker(None) == body.replace(b"big", b"small")
    same, _ = as_granted(request, None, holder(), content_type)
    assert same is request


@pytest.mark.parametrize(
    ("asked", "rights", "got"),
    [
        ("big", {}, "big"),
        ("big", {"models": ["big"]}, "big"),
        ("big-2", {"models": ["big-?", "small"]}, "big-2"),
        ("big", {"models": []}, None),
        ("BIG", {"models": ["big"]}, None),
        ("bigger", {"models": ["big"]}, None),
        ("fast", {"aliases": {"fast": "big"}}, "big"),
        ("fast", {"models": ["small"], "aliases": {"fast": "big"}}, "big"),
        ("big", {"models": ["small"], "aliases": {"fast": "big"}}, "big"),
        ("fast", {"models": ["small"]}, None),
    ],
)
def test_a_holder_gets_the_models_and_aliases_that_he_may_use(
    asked: str, rights: dict[str, Any], got: str | None
) -> None:
    if got is None:
        with pytest.raises(ApiError) as raised:
            sent("chat/completions", chat(asked), **rights)
        assert (raised.value.status, raised.value.code) == (403, "model_not_allowed")
    else:
        assert sent("chat/completions", chat(asked), **rights)["model"] == got


def test_a_request_that_names_no_model_gets_no_other_one_either() -> None:
    check_default(holder(models=["big"]), "big", "POST")
    check_default(holder(models=["big"]), "", "GET")
    check_default(holder(), "", "POST")
    for model in ("small", ""):
        with pytest.raises(ApiError):
            check_default(holder(models=["big"]), model, "POST")


async def test_rights_hold_over_http(session: aiohttp.ClientSession) -> None:
    bodies: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"content-length: 0" not in worker.requests[-1].lower():
            bodies.append(await reader.read(4096))
        writer.write(answer(ANSWER))

    group = {"name": "alice", "models": ["none"], "aliases": {"fast": "emulated"}, "max_tokens": 5}
    steering = {"name": "bob", "steers": True}
    barred = {"name": "carol", "models": ["other"]}
    api_keys = {"alice": KEY, "bob": "b" * 20, "carol": "c" * 20}
    access = {"api_keys": api_keys, "groups": [group, steering, barred]}
    async with (
        scripted(script) as worker,
        gateway(
            worker.url, access=access, endpoints={"to_every_worker": ["/reset_prefix_cache"]}
        ) as running,
    ):
        url, headers = running.url, bearer(KEY)
        status, _, _ = await ask(session, url, headers, model="fast", max_tokens=50)
        assert status == 200
        found = json.loads(bodies[-1])
        assert (found["model"], found["max_tokens"]) == ("emulated", 5)
        for model in ("other", "EMULATED"):
            status, body, _ = await ask(session, url, headers, model=model)
            assert (status, body["error"]["code"]) == (403, "model_not_allowed")
        body = chat()
        del body["model"]
        async with session.post(url + "/v1/completions", json=body, headers=headers) as response:
            assert response.status == 200  # the alias allows the only model
        async with session.post(url + "/v1/embeddings", headers=bearer("c" * 20)) as response:
            assert response.status == 403
        async with session.get(url + "/v1/models", headers=headers) as response:
            shown = [entry["id"] for entry in (await response.json())["data"]]
        assert shown == ["emulated", "fast"]
        for name, expected in (("fast", 200), ("other", 403)):
            async with session.get(f"{url}/v1/models/{name}", headers=headers) as response:
                assert response.status == expected
        form = aiohttp.FormData({"model": "fast"})
        form.add_field("file", b"x", filename="a.wav")
        path = "/v1/audio/transcriptions"
        async with session.post(url + path, data=form, headers=headers) as response:
            assert response.status == 200
            assert b"emulated" in bodies[-1]
            assert b"fast" not in bodies[-1]
        form = aiohttp.FormData([("model", "other"), ("model", "emulated")])
        form.add_field("file", b"x", filename="a.wav")
        path = "/v1/audio/transcriptions"
        async with session.post(url + path, data=form, headers=bearer("c" * 20)) as response:
            assert response.status in {403, 404}  # carol may use `other`, which nobody serves
        for key, expected in ((KEY, 403), ("b" * 20, 200)):
            path = "/reset_prefix_cache"
            async with session.post(url + path, headers=bearer(key)) as response:
                assert response.status == expected
