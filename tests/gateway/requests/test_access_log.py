"""Access records: one for each request, with its outcome and times, without a word of its text."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from gateway.requests.access_log import ACCESS
from gateway.serve.redaction import Redacting
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, post, until
from tests.gateway.scripted import refusing, scripted

JSON = {"access": "json"}
CHAT = "/v1/chat/completions"


class Records(logging.Handler):
    """What the log would hold: access records, and all other entries."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.others: list[str] = []
        self._format = Redacting("%(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        lines = self.lines if record.name == ACCESS else self.others
        lines.append(self._format.format(record))

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def records() -> Iterator[Records]:
    handler, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


async def test_a_stream_leaves_its_times_tokens_and_forecast(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator, records: Records
) -> None:
    known = [{"name": "alice", "api_key": "key-of-alice"}]
    async with gateway(emulator.url, log=JSON, tenants={"known": known}) as running:
        headers = {"authorization": "Bearer key-of-alice", "x-request-id": "r-1"}
        body = chat(stream=True, vllm_xargs=forced(9))
        async with session.post(running.url + CHAT, json=body, headers=headers) as response:
            size = len(await response.read())
        await running.until_idle()
    [one] = records.fields
    assert one["outcome"] == "ok"
    assert (one["status"], one["method"], one["endpoint"]) == (200, "POST", "chat/completions")
    assert (one["id"], one["key"], one["model"]) == ("r-1", "alice", "emulated")
    assert (one["worker"], one["stream"], one["bytes"]) == (emulator.url, True, size)
    assert one["output_tokens"] == 9
    assert one["prompt_tokens"] > 0
    low, median, high = (one["forecast"][name] for name in ("low", "median", "high"))
    assert 0 < low <= median <= high
    names = ("received", "forecast_at", "queued", "dispatched", "first_token", "ended")
    times = [one[name] for name in names]
    assert times == sorted(times)
    assert "key-of-alice" not in records.lines[0]


async def test_a_line_for_people_has_the_same(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator, records: Records
) -> None:
    async with gateway(emulator.url, log={"access": "human"}) as running:
        await post(session, running.url, chat(vllm_xargs=forced(7)))
        await running.until_idle()
    [line] = records.lines
    assert " 200 ok POST chat/completions model=emulated key=- worker=http" in line
    assert "+7 " in line
    assert "\n" not in line


async def test_each_outcome_is_the_word_of_the_metric(
    session: aiohttp.ClientSession, records: Records
) -> None:
    async with (
        scripted(refusing("503 Service Unavailable")) as worker,
        gateway(worker.url, log=JSON, requests={"retries": 0}) as running,
    ):
        await post(session, running.url, chat())
        await post(session, running.url, chat("no-such-model"))
        async with session.post(running.url + CHAT, data=b"{") as response:
            assert response.status == 400
        async with session.get(running.url + "/no/such/path") as response:
            assert response.status == 404
        await running.until_idle()
        counted = {
            outcome: running.metric("requests_total", outcome=outcome)
            for outcome in ("worker_5xx", "model_not_found", "invalid_json")
        }
    assert counted == dict.fromkeys(counted, 1)
    assert [one["outcome"] for one in records.fields] == [*counted, "not_found"]
    assert [one["status"] for one in records.fields] == [503, 404, 400, 404]


async def test_a_client_that_hangs_up_in_the_queue_leaves_a_record(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator, records: Records
) -> None:
    async with gateway(emulator.url, log=JSON) as running:
        running.app.state.dispatcher.pause()
        task = asyncio.create_task(post(session, running.url, chat()))
        await until(lambda: running.scheduler.waiting == 1, "it waits")
        await hang_up(task)
        await running.until_idle()
    [one] = records.fields
    assert (one["outcome"], one["status"], one["dispatched"]) == ("client_gone", None, None)
    assert one["queued"] is not None


async def test_no_record_is_written_unless_asked_for(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator, records: Records
) -> None:
    async with gateway(emulator.url) as running:
        assert (await post(session, running.url, chat()))[0] == 200
        await running.until_idle()
    assert not records.lines


CANARY = "canary-of-the-test"


async def _plant(session: aiohttp.ClientSession, running: Gateway) -> None:
    """Send requests with the canary in every place that takes a text."""
    headers = {
        "authorization": f"Bearer sk-{CANARY}",
        "x-api-key": f"sk-{CANARY}",
        "cookie": f"session={CANARY}",
        "user-agent": CANARY,
        "x-session-id": CANARY,
        "x-request-id": f"sk-{CANARY}",
        "referer": f"https://{CANARY}.example/",
        f"x-{CANARY}": CANARY,
    }
    fields = {
        "user": CANARY,
        "metadata": {CANARY: CANARY},
        "stop": [CANARY],
        "prompt_cache_key": CANARY,
        "tools": [{"type": "function", "function": {"name": CANARY, "parameters": {}}}],
        "tool_choice": "none",
        CANARY: CANARY,
    }
    said = {"role": "user", "name": CANARY, "content": f"{CANARY} and more"}
    bodies: list[dict[str, Any]] = [
        {"model": "emulated", "messages": [said], **fields},
        {"model": "emulated", "messages": [said], "stream": True, **fields},
        {"model": CANARY, "messages": [said]},
        {"model": {CANARY: 1}, "messages": [said]},
        {"model": "emulated", "messages": CANARY, "n": CANARY, "max_tokens": CANARY},
    ]
    for body in bodies:
        url = f"{running.url}{CHAT}?{CANARY}={CANARY}"
        async with session.post(url, json=body, headers=headers) as response:
            await response.read()
    odd = (("GET", f"/v1/{CANARY}?q={CANARY}"), ("POST", f"/v1/responses/{CANARY}/cancel"))
    for method, path in odd:
        async with session.request(method, running.url + path, headers=headers) as response:
            await response.read()
    async with session.post(running.url + CHAT, data=f'{{"{CANARY}', headers=headers) as response:
        await response.read()


@pytest.mark.parametrize("form", ["json", "human"])
async def test_no_field_of_a_request_gets_its_text_into_the_log(
    form: str, session: aiohttp.ClientSession, emulator: EmbeddedEmulator, records: Records
) -> None:
    async with gateway(emulator.url, log={"access": form}, tenants={"fair": True}) as running:
        await _plant(session, running)
        await running.until_idle()
    assert len(records.lines) == 8
    shown = [line for line in records.lines if CANARY in line]
    assert not shown
    assert not [line for line in records.others if CANARY in line]
