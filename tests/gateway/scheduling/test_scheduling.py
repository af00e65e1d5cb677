"""What a request tells the scheduler: class, key, session, prefix; and the configured policy."""

import asyncio
from typing import Any

import aiohttp
import pytest

from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.protocol.openai import ApiRequest
from gateway.scheduling.affinity import affinity
from gateway.scheduling.build import policy
from gateway.workers.backend import Backend
from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import PrefixHits
from gateway.workers.member import Member
from scheduler.engine_priority import priority
from scheduler.policy import LeastSlack
from scheduler.scheduler import Scheduler
from tests.gateway.harness import chat, forced, gateway, until
from tests.scheduler.builders import job


def request(endpoint: str = "chat/completions", **fields: Any) -> ApiRequest:
    return ApiRequest(endpoint, "m", b"", {"model": "m", **fields})


def of(kind: str, headers: dict[str, str] | None = None, **fields: Any) -> str:
    return affinity(kind, request(**fields), headers or {})


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def test_a_session_is_the_header_or_the_cache_key_or_the_user() -> None:
    header = of("session", {"X-Session-Id": "s"})
    assert header == of("session", prompt_cache_key="s") == of("session", user="s") != ""
    assert of("session", {"x-session-id": "s"}, user="another") == header
    assert of("session", user="another") != header


@pytest.mark.parametrize("fields", [{}, {"user": 5}, {"user": ""}, {"user": None}])
def test_a_request_without_a_session_goes_anywhere(fields: dict[str, Any]) -> None:
    assert of("session", **fields) == ""


def test_requests_of_one_system_prompt_share_a_prefix_whatever_follows() -> None:
    system = {"role": "system", "content": "You are a pirate."}
    one, two = (of("prefix", messages=[system, *user(text)]) for text in ("Hi", "Ho"))
    assert one == two != of("prefix", messages=user("Hi"))


def test_the_first_message_stands_for_the_prefix_where_there_is_no_system_prompt() -> None:
    turn = [*user("Hi"), {"role": "assistant", "content": "Ho"}, *user("And?")]
    assert of("prefix", messages=user("Hi")) == of("prefix", messages=turn)
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "Hi"}]
    assert of("prefix", messages=user(parts)) == of("prefix", messages=user("Hi"))
    assert of("prefix", prompt="Hi") == of("prefix", input="Hi") != ""


def test_a_long_prefix_counts_by_its_beginning() -> None:
    text = "x" * 10_000
    assert of("prefix", messages=user(text)) == of("prefix", messages=user(text + "y"))


@pytest.mark.parametrize(
    "fields", [{}, {"messages": []}, {"messages": [5]}, {"prompt": [1, 2]}, {"messages": {}}]
)
def test_a_prompt_without_text_has_no_prefix(fields: dict[str, Any]) -> None:
    assert of("prefix", **fields) == ""


def test_models_do_not_share_and_embeddings_have_no_cache() -> None:
    other = ApiRequest("chat/completions", "n", b"", {"user": "s"})
    assert affinity("session", other, {}) != of("session", user="s")
    assert affinity("session", request("embeddings", user="s"), {}) == ""
    assert of("none", {"X-Session-Id": "s"}, user="s") == ""


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
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def test_classes_come_before_keys_in_the_engine_too() -> None:
    assert priority(0, 12.3456) == 12346
    assert priority(-1, 1e9) < priority(0, -1e9) < priority(0, 1e9) < priority(1, -1e9)
    assert -(2**63) <= priority(-100, -1e30) < priority(100, 1e30) < 2**63


def test_the_order_by_objective_takes_the_objective() -> None:
    config = Config.model_validate({"scheduling": {"policy": "slo"}, "slo": {"ttft_s": 2}})
    assert policy(config) == LeastSlack(ttft=2.0, tpot=0.2)


def test_the_overflow_accepted_is_the_schedulers() -> None:
    def kept_free(overflow: float) -> float:
        config = Config.model_validate({"scheduling": {"kv_overflow": overflow}})
        member = Member(Backend(WorkerConfig.model_validate({"url": "http://w"})))
        return member.spec(config.scheduling).deviations

    assert kept_free(0.5) == 0
    assert kept_free(0.05) == pytest.approx(1.645, abs=1e-3)


def report(queries: float, hits: float) -> EngineReport:
    return EngineReport(prefix_queries=queries, prefix_hits=hits)


def test_the_part_of_prompts_found_cached_is_that_between_two_reports() -> None:
    hits = PrefixHits()
    rates = []
    for told in (report(100, 90), report(200, 140), report(200, 140), EngineReport()):
        hits.observe(told)
        rates.append(hits.rate)
    assert rates == [0.0, 0.5, 0.5, 0.5]
    hits.observe(report(50, 50))  # the engine began anew
    assert hits.rate == 0.5
    hits.observe(report(150, 75))
    assert hits.rate == 0.25


def test_what_the_engine_shares_between_prompts_is_not_counted_twice() -> None:
    scheduler = Scheduler(policy(Config()))
    member = Member(Backend(WorkerConfig.model_validate({"url": "http://w", "kv_tokens": 10_000})))
    member.backend.models = {"m": {}}
    member.healthy = True
    scheduler.set_worker(member.spec(Config().scheduling))
    (worker,) = scheduler.workers.values()
    for n in range(4):
        scheduler.submit(job(f"j{n}", prompt=1000))
    before = worker.kv_peak
    for n in range(30):
        member.backend.report = EngineReport(
            kv_usage=0.16, prefix_queries=1000.0 * n, prefix_hits=800.0 * n
        )
        member.observe_kv(scheduler)
    assert worker.kv_peak < before - 1500
    scheduler.check()
