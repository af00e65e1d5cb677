"""Counters of the gateway against those of a real vLLM and of the clients, to the unit.

    python -m tests.bench.exact_counters [--requests 5000]

Clients send chat requests and plain completions, streamed and whole, of a few tokens each; one in
twenty is refused by vLLM (its prompt and answer exceed the context). Whatever three parties count
must be equal: requests by outcome, prompt tokens, generated tokens. Exit code 1 where they differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.bench.burst import gateway_process
from tests.bench.step_clock import ENGINE_FLAGS
from tests.vllm.engine import VllmServer, read_metrics, samples

MODEL = "tiny"
AT_ONCE = 32
LONGEST = 12
CONTEXT = 2048
TOO_MANY = 1_000_000
"""Tokens that no engine here has room for."""
REFUSED_SHARE = 0.05
PATIENCE_S = 20.0
"""Seconds within which counters settle after the last answer."""


@dataclass(slots=True)
class Counts:
    """What the clients count, under the names of ``tallies``."""

    tallies: Counter[str] = field(default_factory=Counter)

    def answered(self, usage: Mapping[str, int], tokens: int) -> None:
        """Count an answer whose length was to be ``tokens``."""
        assert usage["completion_tokens"] == tokens, usage
        self.tallies["ok"] += 1
        self.tallies["prompt_tokens"] += usage["prompt_tokens"]
        self.tallies["generation_tokens"] += tokens

    def refused(self, status: int, text: str) -> None:
        """Count an error, which can only be the one about the context."""
        assert status == 400, (status, text)
        self.tallies["refused"] += 1


def request_of(rng: random.Random) -> tuple[str, dict[str, Any], int]:
    """A path, a body for it, and the tokens of its answer; 0 where vLLM refuses the request."""
    text, tokens = "word " * rng.randint(1, 60), rng.randint(1, LONGEST)
    body: dict[str, Any] = {"model": MODEL, "vllm_xargs": {"target_tokens": tokens}}
    if rng.random() < REFUSED_SHARE:
        body["max_tokens"], tokens = TOO_MANY, 0
    if rng.random() < 0.5:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if rng.random() < 0.25:
        return "/v1/completions", {**body, "prompt": text}, tokens
    return (
        "/v1/chat/completions",
        {**body, "messages": [{"role": "user", "content": text}]},
        tokens,
    )


async def send_all(url: str, count: int, seed: int = 0) -> Counts:
    """Send so many requests through so many connections at a time."""
    rng, counts = random.Random(seed), Counts()
    todo = [request_of(rng) for _ in range(count)]
    # Shorter than uvicorn keeps idle connections (5 s), which would break a request.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
    async with aiohttp.ClientSession(url, connector=connector) as session:

        async def work() -> None:
            while todo:
                await _send(session, *todo.pop(), counts)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
    return counts


async def _send(
    session: aiohttp.ClientSession, path: str, body: dict[str, Any], tokens: int, counts: Counts
) -> None:
    async with session.post(path, json=body) as response:
        text = await response.text()
    if response.status != 200:
        counts.refused(response.status, text)
        return
    if body.get("stream"):
        events = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
        text = next(event for event in reversed(events) if '"usage":{' in event)
    counts.answered(json.loads(text)["usage"], tokens)


def counted_by_gateway(url: str) -> Counter[str]:
    """The gateway's counts."""
    found = Counter[str]()
    for sample in samples(url, "lengthwise_"):
        match sample.name:
            case "lengthwise_requests_total":
                found["ok" if sample.labels["outcome"] == "ok" else "refused"] += int(sample.value)
            case "lengthwise_prompt_tokens_total":
                found["prompt_tokens"] += int(sample.value)
            case "lengthwise_generation_tokens_total":
                found["generation_tokens"] += int(sample.value)
    return found


def counted_by_vllm(before: Mapping[str, float], after: Mapping[str, float]) -> Counter[str]:
    """vLLM's counts; a refused request is in none of its counters."""
    grown = {name: int(after[name] - before.get(name, 0)) for name in after}
    return Counter(
        ok=grown["vllm:request_success_total"],
        prompt_tokens=grown["vllm:prompt_tokens_total"],
        generation_tokens=grown["vllm:generation_tokens_total"],
    )


async def compare(worker: str, url: str, count: int) -> dict[str, Counter[str]]:
    """Send the requests, and return what each party counts once the counters agree or settle."""
    before = await asyncio.to_thread(read_metrics, worker)
    clients = (await send_all(url, count)).tallies
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        after = await asyncio.to_thread(read_metrics, worker)
        found = {
            "clients": clients,
            "gateway": await asyncio.to_thread(counted_by_gateway, url),
            "vllm": counted_by_vllm(before, after),
        }
        if agree(found) or asyncio.get_running_loop().time() > deadline:
            return found
        await asyncio.sleep(0.5)


def agree(found: Mapping[str, Counter[str]]) -> bool:
    """Whether all three count the same."""
    whole = ("ok", "prompt_tokens", "generation_tokens")
    clients, ours, vllm = (found[name] for name in ("clients", "gateway", "vllm"))
    return clients == ours and all(clients[name] == vllm[name] for name in whole)


def main() -> None:
    """Count, print, and exit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=5000)
    args = parser.parse_args()
    engine = VllmServer(
        served_model_names=[MODEL],
        max_model_len=CONTEXT,
        scheduling_policy="priority",
        extra_args=[*ENGINE_FLAGS],
    )
    with engine as server, gateway_process(server.url) as url:
        found = asyncio.run(compare(server.url, url, args.requests))
    for party, tallies in found.items():
        print(f"{party:8} {dict(tallies)}")
    sys.exit(0 if agree(found) else 1)


if __name__ == "__main__":
    main()
