"""What real Serve does with the router, written to a file as JSON for test_router.py.

An engine of one slot stands in for vLLM: a deployment that is called with a body, as those of Serve
LLM are.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import serve

ROUTER = {
    "request_router_class": "gateway.on_ray.router.ForecastRouter",
    "request_router_kwargs": {"slots": 1},
}
LENGTHS = [400, 8, 200, 20, 100, 50]
"""``max_tokens`` of requests in the order of their arrival: a forecast is never above it."""

CANCELLED = 2
"""Place in ``LENGTHS`` of the request that is cancelled while it waits."""


HOLDER = 1000
"""``max_tokens`` of the request that stays until the test lets it go."""


@serve.deployment(max_ongoing_requests=4, request_router_config=ROUTER)
class Engine:
    """Notes in a folder which bodies come, in their order."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    async def chat(self, body: dict[str, Any]) -> int:
        """Answer with the process's id."""
        with (self.folder / "seen").open("a") as seen:
            print(json.dumps([body["max_tokens"], body["priority"]]), file=seen)
        if body["max_tokens"] == HOLDER:
            await until((self.folder / "free").exists)
        return os.getpid()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that only files tell of."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def body(tokens: int) -> dict[str, Any]:
    """A chat with an answer of at most so many tokens."""
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    return {"model": "m", "max_tokens": tokens, "messages": messages}


async def ordered(handle: Any, folder: Path) -> list[Any]:
    """Fill the engine, let requests wait, cancel one of them, and free the engine."""
    seen = folder / "seen"
    holder = handle.chat.remote(body(HOLDER))
    await until(lambda: seen.exists() and str(HOLDER) in seen.read_text())
    waiting = [handle.chat.remote(body(tokens)) for tokens in LENGTHS]
    await asyncio.sleep(1)  # all are in the router's queue: nothing tells of it
    waiting.pop(CANCELLED).cancel()
    (folder / "free").touch()
    await asyncio.gather(holder, *waiting)
    return [json.loads(line) for line in seen.read_text().splitlines()]


async def after_a_kill(handle: Any) -> list[bool]:
    """Kill the replica, and ask again: another one answers, and a slot is free each time."""
    pid = await handle.chat.remote(body(1))
    os.kill(pid, signal.SIGKILL)
    return [await handle.chat.remote(body(1)) != pid for _ in range(3)]


async def main(folder: Path) -> None:
    """Run both, and print what came of them."""
    ray.init(num_cpus=4, include_dashboard=False)
    serve.start(proxy_location="Disabled")
    engine: Any = Engine  # a deployment, which mypy takes for the class
    handle = serve.run(engine.bind(str(folder)), name="llm", route_prefix=None)
    served = sorted(one for place, one in enumerate(LENGTHS) if place != CANCELLED)
    told = {
        "served": served,
        "seen": await ordered(handle, folder),
        "after_a_kill": await after_a_kill(handle),
    }
    (folder / "told").write_text(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
