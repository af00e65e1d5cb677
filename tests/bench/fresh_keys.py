"""Two tenants of whom one sends a fresh API key with each request.

    python -m tests.bench.fresh_keys [--slots N]

The honest tenant, whose key the configuration knows, asks four times a second for 40 tokens. The
other one keeps five requests for each of the worker's slots waiting, of 10 to 70 tokens: with one
key, then with a fresh key for each. Requests of one length would end together, and the honest
tenant would wait for all of them. A request waits until a slot is free and two more have ended,
which the engine holds beyond its slots (scheduling.engine_queue): the fewer slots, the longer.
Prints the honest tenant's times to the end of the answer. Exit code 1: their 99th percentile beside
either flood is more than 1.5 times that alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from itertools import count
from random import Random
from time import monotonic

import aiohttp

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up

SECONDS = 20.0
FLOOD = 5
"""Waiting requests for each slot."""

TOKENS = 40
FLOODS_TOKENS = (10, 71)
RATIO = 1.5
KNOWN = ({"name": "honest", "api_key": "honest"}, {"name": "other", "api_key": "steady"})


async def ask(
    session: aiohttp.ClientSession, running: Gateway, key: str, tokens: int = TOKENS
) -> float:
    """Send one request; returns the seconds to the end of its answer."""
    begun, body = monotonic(), chat(vllm_xargs=forced(tokens), max_tokens=tokens)
    headers = {"Authorization": f"Bearer {key}"}
    url = running.url + "/v1/chat/completions"
    async with session.post(url, json=body, headers=headers) as response:
        await response.read()
        assert response.status == 200, response.status
    return monotonic() - begun


async def times(slots: int, key_of_the_flood: Callable[[int], str] | None) -> list[float]:
    """The honest tenant's times beside a flood; None: alone."""
    numbers, lengths = count(), Random(0)
    settings = {"fair": True, "known": KNOWN}
    connector = aiohttp.TCPConnector(limit=0)
    with EmbeddedEmulator(EmulatorConfig(engine=EngineConfig(max_num_seqs=slots))) as emulator:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            gateway(emulator.url, worker={"max_num_seqs": slots}, tenants=settings) as running,
        ):

            async def flood(key: Callable[[int], str]) -> None:
                while True:
                    tokens = lengths.randrange(*FLOODS_TOKENS)
                    await ask(session, running, key(next(numbers)), tokens)

            floods = range((FLOOD + 1) * slots) if key_of_the_flood else ()
            others = [asyncio.create_task(flood(key_of_the_flood)) for _ in floods]  # type: ignore[arg-type]
            await asyncio.sleep(1.0)
            honest = []
            for _ in range(int(SECONDS * 4)):
                honest.append(asyncio.create_task(ask(session, running, "honest")))
                await asyncio.sleep(0.25)
            found = await asyncio.gather(*honest)
            await hang_up(*others)
    return sorted(found)


def main() -> int:
    """Run all; returns the exit code."""
    parser = argparse.ArgumentParser(description="an honest tenant beside one with fresh keys")
    parser.add_argument("--slots", type=int, default=32, help="sequences of the worker (32)")
    slots: int = parser.parse_args().slots
    last: dict[str, float] = {}
    for name, key in (
        ("alone", None),
        ("beside one key", lambda _: "steady"),
        ("beside fresh keys", lambda number: f"fresh-{number}"),
    ):
        found = asyncio.run(times(slots, key))
        last[name] = found[int(0.99 * len(found))]
        print(
            f"{name}: median {found[len(found) // 2]:.3f} s, 99th percentile {last[name]:.3f} s, "
            f"{last[name] / last['alone']:.2f} times"
        )
    return int(max(last.values()) > RATIO * last["alone"])


if __name__ == "__main__":
    sys.exit(main())
