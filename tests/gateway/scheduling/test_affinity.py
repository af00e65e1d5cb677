"""Which requests share a prefix: those of one session, or of one system prompt."""

import asyncio
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.protocol.openai import ApiRequest
from gateway.scheduling.affinity import affinity
from tests.gateway.harness import chat, forced, gateway, hang_up, until


def request(endpoint: str = "chat/completions", **fields: Any) -> ApiRequest:
    return ApiRequest(endpoint, "m", b"", {"model": "m", **fields})


def key(kind: str, headers: dict[str, str] | None = None, **fields: Any) -> str:
    return affinity(kind, request(**fields), headers or {})


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def test_a_session_is_the_header_or_the_cache_key_or_the_user() -> None:
    header = key("session", {"X-Session-Id": "s"})
    assert header == key("session", prompt_cache_key="s") == key("session", user="s") != ""
    assert key("session", {"x-session-id": "s"}, user="another") == header
    assert key("session", user="another") != header


@pytest.mark.parametrize("fields", [{}, {"user": 5}, {"user": ""}, {"user": None}])
def test_a_request_without_a_session_goes_anywhere(fields: dict[str, Any]) -> None:
    assert key("session", **fields) == ""


def test_requests_of_one_system_prompt_share_a_prefix_whatever_follows() -> None:
    system = {"role": "system", "content": "You are a pirate."}
    one, two = (key("prefix", messages=[system, *user(text)]) for text in ("Hi", "Ho"))
    assert one == two != key("prefix", messages=user("Hi"))


def test_the_first_message_stands_for_the_prefix_where_there_is_no_system_prompt() -> None:
    turn = [*user("Hi"), {"role": "assistant", "content": "Ho"}, *user("And?")]
    assert key("prefix", messages=user("Hi")) == key("prefix", messages=turn)
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "Hi"}]
    assert key("prefix", messages=user(parts)) == key("prefix", messages=user("Hi"))
    assert key("prefix", prompt="Hi") == key("prefix", input="Hi") != ""


def test_a_long_prefix_counts_by_its_beginning() -> None:
    text = "x" * 10_000
    assert key("prefix", messages=user(text)) == key("prefix", messages=user(text + "y"))


@pytest.mark.parametrize(
    "fields", [{}, {"messages": []}, {"messages": [5]}, {"prompt": [1, 2]}, {"messages": {}}]
)
def test_a_prompt_without_text_has_no_prefix(fields: dict[str, Any]) -> None:
    assert key("prefix", **fields) == ""


def test_models_do_not_share_and_embeddings_have_no_cache() -> None:
    other = ApiRequest("chat/completions", "n", b"", {"user": "s"})
    assert affinity("session", other, {}) != key("session", user="s")
    assert affinity("session", request("embeddings", user="s"), {}) == ""
    assert key("none", {"X-Session-Id": "s"}, user="s") == ""


async def test_requests_of_a_session_stick_to_its_worker(
    session: aiohttp.ClientSession,
) -> None:
    async def ask(name: str) -> None:
        body = chat(user=name, vllm_xargs=forced(5000))
        async with session.post(running.url + "/v1/chat/completions", json=body) as response:
            await response.read()

    slow = EmulatorConfig(speed=1)
    with EmbeddedEmulator(slow) as one, EmbeddedEmulator(slow) as two:
        settings: dict[str, Any] = {"worker": {"max_num_seqs": 100}}
        settings["scheduling"] = {"affinity": "session"}
        async with gateway(one.url, two.url, **settings) as running:
            tasks = []
            for count, name in enumerate(("a", "a", "a", "b", "a", "b"), start=1):
                tasks.append(asyncio.create_task(ask(name)))
                await until(lambda n=count: running.in_flight == n, "it runs")  # type: ignore[misc]
            sent = sorted(len(worker) for worker in running.scheduler.workers.values())
            assert sent == [2, 4]
            await hang_up(*tasks)
