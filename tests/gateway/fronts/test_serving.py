"""Several fronts serve one port as one gateway: answers, sums, limits, reloads."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.emulator import EmbeddedEmulator
from tests.gateway.fronts.several import LIMIT_S, Several, several, until_async
from tests.gateway.harness import chat, forced

pytestmark = pytest.mark.timeout(LIMIT_S)

REQUESTS = 300


async def _post(url: str, body: dict[str, Any], key: str = "") -> tuple[int, int]:
    """Status and length of an answer, by a connection of its own."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with (
        aiohttp.ClientSession() as client,
        client.post(url + "/v1/chat/completions", json=body, headers=headers) as response,
    ):
        return response.status, len(await response.read())


async def _each_front(gateway: Several, path: str) -> list[bytes]:
    """A page of each front's own."""
    log = gateway.log.read_text()
    folder = log.split("operators are served on ")[1].split("/gateway.sock")[0]
    pages = []
    for number in (1, 2):
        connector = aiohttp.UnixConnector(path=f"{folder}/front-{number}.sock")
        async with (
            aiohttp.ClientSession(connector=connector) as client,
            client.get(f"http://localhost{path}") as response,
        ):
            pages.append(await response.read())
    return pages


async def test_the_sums_of_all_fronts_are_the_clients_own_counts(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        counts: Counter[str] = Counter()
        at_once = asyncio.Semaphore(16)

        async def one(number: int) -> None:
            body = chat(max_tokens=4, vllm_xargs=forced(4), stream=number % 2 == 0)
            if number % 10 == 9:
                body["model"] = "unknown"
            async with at_once:
                status, size = await _post(gateway.url, body)
            counts["ok" if status == 200 else "model_not_found"] += 1
            assert size

        await asyncio.gather(*(one(number) for number in range(REQUESTS)))
        assert counts == {"ok": REQUESTS * 9 // 10, "model_not_found": REQUESTS // 10}
        found = await gateway.metrics()
        requests = {
            dict(labels)["outcome"]: value
            for (name, labels), value in found.items()
            if name == "lengthwise_requests_total"
        }
        assert requests == counts
        answered = await gateway.metric("lengthwise_e2e_seconds_count")
        assert answered == counts["ok"]
        assert await gateway.metric("lengthwise_generation_tokens_total") == 4 * counts["ok"]
        assert await gateway.metric("lengthwise_requests_in_flight") == 0
        own = [
            sum(float(line.split()[-1]) for line in page.decode().splitlines() if starts(line))
            for page in await _each_front(gateway, "/metrics")
        ]
        assert sum(own) == REQUESTS
        assert min(own) > REQUESTS / 10  # both fronts have their part
        async with aiohttp.ClientSession() as client:  # clients may ask any front for the whole
            async with client.get(gateway.url + "/metrics") as response:
                text = await response.text()
            async with client.get(gateway.url + "/ready") as response:
                ready = await response.json()
        assert f'outcome="ok"}} {counts["ok"]:.1f}' in text
        assert dict.fromkeys(("front 1", "front 2"), "ready").items() <= ready["fronts"].items()


def starts(line: str) -> bool:
    return line.startswith("lengthwise_requests_total{")


async def test_a_limit_holds_over_all_fronts(tmp_path: Path, emulator: EmbeddedEmulator) -> None:
    key = "a-key-of-alice's-own"
    access = {"api_keys": {"alice": key}, "groups": [{"name": "alice", "requests_per_min": 20}]}
    async with several(tmp_path, emulator.url, access=access) as gateway:
        body = chat(max_tokens=2, vllm_xargs=forced(2))
        answers = await asyncio.gather(*(_post(gateway.url, body, key) for _ in range(60)))
        assert Counter(status for status, _ in answers) == {200: 20, 429: 40}


async def test_sighup_and_the_operators_reload_every_front(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        settings = yaml.safe_load(gateway.config.read_text())
        for number, tell in enumerate(("SIGHUP", "operators")):
            settings["models"] = {"aliases": {f"name-{number}": "emulated"}}
            gateway.config.write_text(yaml.safe_dump(settings))
            if tell == "SIGHUP":
                gateway.signal(signal.SIGHUP)
            else:
                assert (await gateway.page("/admin/reload", "POST"))["ok"]

            async def known(name: str = f"name-{number}") -> bool:
                pages = await _each_front(gateway, "/ready")
                hashes = {yaml.safe_load(page)["configuration"]["hash"] for page in pages}
                body = chat(model=name, max_tokens=2, vllm_xargs=forced(2))
                answers = await asyncio.gather(*(_post(gateway.url, body) for _ in range(8)))
                return len(hashes) == 1 and all(status == 200 for status, _ in answers)

            await until_async(known, f"all fronts know name-{number}")
        settings["queue"] = {"max_waiting": "many"}
        gateway.config.write_text(yaml.safe_dump(settings))
        status, text = await gateway.ask("/admin/reload", "POST")
        assert status == 422
        assert b"max_waiting" in text


async def test_what_operators_tell_holds_for_all_fronts_also_after_one_starts_again(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    async with several(tmp_path, emulator.url) as gateway:
        told = await gateway.page("/admin/drain", "POST", {"worker": emulator.url})
        assert told["drained"]
        pids = await gateway.pids()
        os.kill(pids["front 1"], signal.SIGKILL)

        async def drained_again() -> bool:
            page = await gateway.page("/admin/status")
            fresh = {one["name"]: one for one in page["processes"]}["front 1"]
            if fresh["state"] != "serving" or fresh["pid"] == pids["front 1"]:
                return False
            own = await _each_front(gateway, "/admin/status")
            return all(yaml.safe_load(one)["workers"][0]["drained"] for one in own)

        await until_async(drained_again, "the new front keeps the worker drained")
        assert not (await gateway.page("/admin/undrain", "POST", {"worker": emulator.url}))[
            "drained"
        ]
        for path in ("/admin/queue", "/admin/top"):
            assert (await gateway.ask(path))[0] == 200
        assert (await gateway.ask("/admin/requests/none"))[0] == 404
        status, text = await gateway.ask("/admin/shadow")
        assert status == 501
        assert b"listen.fronts" in text


async def test_what_one_front_learns_the_others_know_also_after_a_restart(
    tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    answers = 30
    predictor = {"enabled": True, "refine": False}
    async with several(tmp_path, emulator.url, predictor=predictor) as gateway:
        body = chat(max_tokens=9, vllm_xargs=forced(5))
        async with aiohttp.ClientSession() as client:  # one connection, and so one front
            for _ in range(answers):
                url = gateway.url + "/v1/chat/completions"
                async with client.post(url, json=body) as response:
                    assert response.status == 200
                    await response.read()

        async def learned() -> list[float]:
            pages = await _each_front(gateway, "/metrics")
            name = "lengthwise_predictor_answers_since_drift{"
            lines = (page.decode().splitlines() for page in pages)
            return [sum(float(n.split()[-1]) for n in one if n.startswith(name)) for one in lines]

        async def both_know() -> bool:
            return await learned() == [answers, answers]

        await until_async(both_know, "both fronts have learned from all answers")
        pids = await gateway.pids()
        os.kill(pids["front 1"], signal.SIGKILL)

        async def back() -> bool:
            return (await gateway.pids())["front 1"] != pids["front 1"]

        await until_async(back, "another front 1")
        await gateway.until_ready()
        assert await both_know()
