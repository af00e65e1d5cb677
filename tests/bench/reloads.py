"""Reloads of a running gateway under load: what is lost, and how long a change takes.

python -m tests.bench.reloads [--reloads 200] [--clients 16]

Starts `lengthwise serve --config FILE` before an emulated worker, and replaces the file again and
again, each time with another value of another live setting, while clients send requests. The time
of a change runs from the file's replacement to the first /ready that has its hash.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import aiohttp

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.access.keys import bearer, new_holder
from tests.gateway.harness import chat, forced
from tests.gateway.live_config.running import write

COMMAND = [sys.executable, "-m", "gateway.cli", "serve", "--port", "0", "--config"]


def variants(keys_file: Path, key: str) -> list[dict[str, Any]]:
    """Settings of one reload each; every section that changes live is among them."""
    known = [{"name": "a", "api_key": key, "urgency": -1}]
    return [
        {"scheduling": {"policy": "fcfs"}},
        {"scheduling": {"ageing": 0.5, "level": 2, "engine_queue": 7}},
        {"scheduling": {"affinity": "session", "kv_overflow": 0.2}},
        {"queue": {"max_waiting": 900, "timeout_s": 50}},
        {"tenants": {"fair": True, "known": known}},
        {"access": {"keys_file": str(keys_file)}},
        {"access": {"api_keys": {"alice": key}}},
        {"requests": {"timeout_s": 90, "retries": 1, "connect_timeout_s": 3}},
        {"requests": {"max_body_bytes": 9000, "max_json_values": 20_000}},
        {"health": {"interval_s": 0.2, "scrape_s": 0.5}},
        {"listen": {"max_headers": 50, "keep_alive_s": 30}},
        {"cors": {"origins": ["https://a.example"]}},
        {"endpoints": {"queued": ["/plugin"]}},
        {"models": {"aliases": {"gpt": "emulated"}}},
        {"predictor": {"budget_ms": 100}},
        {"slo": {"ttft_s": 3}},
        {"shutdown": {"lame_duck_s": 1}},
        {"log": {"level": "warning"}},
    ]


async def client(url: str, key: str, ended: Counter[str], stop: asyncio.Event) -> None:
    """Send requests, every second one a stream, until told to stop."""
    number = 0
    async with aiohttp.ClientSession(headers=bearer(key)) as session:
        while not stop.is_set():
            number += 1
            stream = bool(number % 2)
            body = chat(vllm_xargs=forced(20), stream=stream)
            try:
                async with session.post(url + "/v1/chat/completions", json=body) as response:
                    data = await response.read()
                    end = b"data: [DONE]" if stream else b'"usage"'
                    ended["whole" if response.status == 200 and end in data else "lost"] += 1
            except aiohttp.ClientError:
                ended["lost"] += 1


async def state(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """The configuration in /ready."""
    async with session.get(url + "/ready") as response:
        found: dict[str, Any] = (await response.json())["configuration"]
        return found


async def run(path: Path, worker: str, reloads: int, clients: int) -> dict[str, Any]:
    """The figures of one run."""
    keys_file = path.with_name("keys")
    key = new_holder(keys_file, "alice")
    base = {
        "workers": [{"url": worker, "max_num_seqs": 64}],
        "health": {"interval_s": 0.1},
        "access": {"api_keys": {"base": key}},  # a reload does not switch keys off
    }
    write(path, base)
    env = {**os.environ, "LENGTHWISE_PREDICTOR_ENABLED": "false"}
    process = await asyncio.create_subprocess_exec(*COMMAND, str(path), stdout=PIPE, env=env)
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().split()[-1]
    ended, stop, seconds = Counter[str](), asyncio.Event(), []
    tasks = [asyncio.create_task(client(url, key, ended, stop)) for _ in range(clients)]
    async with aiohttp.ClientSession(headers=bearer(key)) as session:
        for number, changes in enumerate(islice(cycle(variants(keys_file, key)), reloads)):
            before = (await state(session, url))["hash"]
            more = {"slo": {"tpot_s": 0.1 + number / 1000, **changes.pop("slo", {})}}
            begun = monotonic()
            write(path, {**base, **changes, **more})
            while (now := await state(session, url))["hash"] == before:
                assert monotonic() - begun < 10, now
                await asyncio.sleep(0.01)
            assert now["last_reload"] == "ok", now
            seconds.append(monotonic() - begun)
    stop.set()
    await asyncio.gather(*tasks)
    process.terminate()
    code = await process.wait()
    seconds.sort()
    return {
        "reloads": len(seconds),
        "requests": dict(ended),
        "exit code": code,
        "seconds, median": round(median(seconds), 3),
        "seconds, longest": round(seconds[-1], 3),
    }


def main() -> None:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    args = parser.parse_args()
    with (
        EmbeddedEmulator(EmulatorConfig(speed=10)) as emulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        path = Path(folder) / "lengthwise.yaml"
        print(json.dumps(asyncio.run(run(path, emulator.url, args.reloads, args.clients))))


if __name__ == "__main__":
    main()
