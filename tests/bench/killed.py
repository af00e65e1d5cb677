"""What kill -9 costs clients: the requests, what their clients see, and whether the sums agree.

Shared by the benches that kill processes of fronts, of the picker with Envoy, and of Ray.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from time import monotonic

import aiohttp

from gateway.emulator import EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import forced, listening, until
from tests.gateway.on_ray.recorder import Recorder

SLOTS, WORKERS, TOKENS = 8, 2, 8
BOUND_S = 60.0
OK, BROKEN, LATE, UNCLEAR = "ok", "broken connection", "no answer in time", "unclear"
PATIENCE_S = 120.0


class Load:
    """The clients, each with a connection for each request, and what they have seen.

    Args:
        url: where they send their requests.
        at_once: how many requests are under way at a time.
        pause_s: seconds for which a client waits after a failure.
    """

    def __init__(self, url: str, at_once: int, pause_s: float = 0.0) -> None:
        self.url, self._turns, self._pause_s = url, asyncio.Semaphore(at_once), pause_s
        self.at_once = at_once
        self.outcomes: dict[str, str] = {}
        self.longest_s = 0.0
        self.took_s = 0.0

    async def all(self, count: int) -> None:
        """Send so many requests; every second one is a stream."""
        begun, limit = monotonic(), aiohttp.ClientTimeout(total=BOUND_S)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=limit, connector=connector) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(count)))
        self.took_s = monotonic() - begun

    async def _one(self, client: aiohttp.ClientSession, number: int) -> None:
        async with self._turns:
            begun = monotonic()
            self.outcomes[f"r{number}"] = await self.ask(client, f"r{number}", number % 2 == 0)
            self.longest_s = max(self.longest_s, monotonic() - begun)
            if self.outcomes[f"r{number}"] != OK:
                await asyncio.sleep(self._pause_s)

    async def ask(
        self, client: aiohttp.ClientSession, name: str, stream: bool, tokens: int = TOKENS
    ) -> str:
        """One request; returns what its client sees."""
        body = {"model": "emulated", "stream": stream, "vllm_xargs": forced(tokens)}
        body |= {"messages": [{"role": "user", "content": name}], "max_tokens": tokens}
        try:
            async with client.post(self.url + "/v1/chat/completions", json=body) as response:
                text = await response.text()
        except TimeoutError:
            return LATE
        except (aiohttp.ClientError, ConnectionError):
            return BROKEN
        if response.status == 200 and '"error"' not in text:
            whole = text.rstrip().endswith("[DONE]" if stream else "}")
            return OK if whole else UNCLEAR
        code = text.partition('"code":')[2].strip(' "')[:40].partition('"')[0]
        return f"error {code}" if code else told(response.status, text)

    async def until_answered(self, count: int) -> None:
        """Return once so many requests have ended."""
        await until(lambda: len(self.outcomes) >= count, "answers", 1e4)


def told(status: int, text: str) -> str:
    """An answer without the API's code: a proxy's error says its status and why."""
    return f"{status} {text[:60]}" if status >= 500 and text else UNCLEAR


@contextlib.asynccontextmanager
async def workers(speed: float = 20) -> AsyncIterator[tuple[list[Recorder], list[str]]]:
    """The emulated workers, which count each request, and their URLs."""
    engine = EmulatorConfig(engine=EngineConfig(max_num_seqs=SLOTS), speed=speed)
    made = [Recorder(engine) for _ in range(WORKERS)]
    async with contextlib.AsyncExitStack() as stack:
        yield made, [await stack.enter_async_context(listening(one)) for one in made]


async def leaked(url: str, recorders: Sequence[Recorder], load: Load) -> int:
    """Slots that are never free again: all are taken at once, if there are none."""
    every = SLOTS * WORKERS
    await until(lambda: not sum(one.running for one in recorders), "all is over", PATIENCE_S)
    async with aiohttp.ClientSession() as client:
        holders = [
            asyncio.create_task(load.ask(client, f"holder {n}", True, 4000)) for n in range(every)
        ]
        with contextlib.suppress(AssertionError):
            await until(lambda: sum(o.running for o in recorders) == every, "all slots taken")
        running = sum(one.running for one in recorders)
        for one in holders:
            one.cancel()
        await asyncio.gather(*holders, return_exceptions=True)
    return every - running


def verdict(load: Load, recorders: Sequence[Recorder], kills: int) -> dict[str, bool]:
    """Print what clients and workers have seen; by sentence, whether it is wrong.

    Args:
        load: the clients.
        recorders: the workers.
        kills: how many processes that carry requests were killed: each death may break as many
            connections as there are.
    """
    outcomes = Counter(load.outcomes.values())
    begun = Counter(name for one in recorders for name in one.begun if name in load.outcomes)
    answered = sum((one.answered for one in recorders), Counter[str]())
    good = [name for name, outcome in load.outcomes.items() if outcome == OK]
    twice = sum(times > 1 for times in begun.values())
    count, took = len(load.outcomes), load.took_s
    print(f"{count} requests, {load.at_once} at once, in {took:.0f} s: {outcomes.most_common()}")
    print(f"longest {load.longest_s:.1f} s; sent to a worker twice: {twice}")
    return {
        "a client had no clear answer in time": outcomes[LATE] + outcomes[UNCLEAR] > 0,
        "more connections broke than were open": outcomes[BROKEN] > load.at_once * kills,
        "a request has been served twice": twice > 0,
        "a good answer was not one worker's": any(answered[name] != 1 for name in good),
    }


def good_answers(load: Load) -> int:
    """How many clients have a whole answer."""
    return list(load.outcomes.values()).count(OK)


def told_wrong(wrong: dict[str, bool]) -> list[str]:
    """What is wrong; prints the machine's load, too."""
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")
    return [what for what, is_so in wrong.items() if is_so]


def text_of(values: Sequence[float]) -> str:
    """Seconds, for people."""
    return ", ".join(f"{value:.1f}" for value in values)


def ended(wrong: Sequence[str], *, check: bool) -> int:
    """Print what is wrong; the exit code."""
    print("\n".join(wrong) or "as it should be")
    return int(check and bool(wrong))
