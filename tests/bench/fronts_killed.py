"""What kill -9 of a front, and of the scheduler twice, costs the requests of a gateway of fronts.

    python -m tests.bench.fronts_killed [--requests N] [--at-once N] [--check]

`lengthwise serve --fronts 2` before two emulated workers of 8 slots each, which count each request.
Clients send the requests, a connection for each, so many at once; every second one is a stream.
After a fifth of the answers the scheduler is killed, after two fifths a front, after three fifths
the scheduler again. ``--check`` fails unless

- every client gets a whole answer, or an error that says what it is, within a minute; as many
  connections break at most as there were requests under way when the front was killed;
- no worker gets a request twice, and each whole answer was one worker's;
- afterwards as many requests run at once as there are slots: none has leaked, and nothing waits;
- the gateway's own count of good answers is the clients'.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from tests.bench import killed
from tests.bench.killed import SLOTS, Load
from tests.gateway.fronts.several import Several, several, until_async

KILLS = ("scheduler", "front 1", "scheduler")


async def kill(gateway: Several, load: Load, count: int) -> list[float]:
    """Kill each at its time; seconds until all processes serve again, for each."""
    recovered = []
    for number, name in enumerate(KILLS, 1):
        await load.until_answered(number * count // 5)
        pids, begun = await gateway.pids(), monotonic()
        os.kill(pids[name], signal.SIGKILL)
        await gateway.until_others(pids, name)
        recovered.append(monotonic() - begun)
    return recovered


async def measure(count: int, at_once: int) -> list[str]:
    """Run it, and print what came of it; returns what is wrong."""
    async with contextlib.AsyncExitStack() as stack:
        recorders, urls = await stack.enter_async_context(killed.workers())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lw-")))
        known = [{"url": url, "max_num_seqs": SLOTS} for url in urls]
        made = several(folder, workers=known, scheduling={"engine_queue": 0})
        gateway = await stack.enter_async_context(made)
        load = Load(gateway.url, at_once)
        _, recovered = await asyncio.gather(load.all(count), kill(gateway, load, count))
        lost = await killed.leaked(gateway.url, recorders, load)
        counted = int(await gateway.metric("lengthwise_requests_total", outcome="ok"))

        async def empty() -> bool:
            return not sum((await gateway.page("/ready"))["waiting"].values())

        await until_async(empty, "nothing waits")
    wrong, good = killed.verdict(load, recorders, KILLS.count("front 1")), killed.good_answers(load)
    print(f"all processes back after {killed.text_of(recovered)} s; slots lost: {lost}")
    print(f"good answers: clients {good}, gateway {counted}")
    return killed.told_wrong(
        wrong | {"a slot has leaked": lost != 0, "the sums differ": good != counted}
    )


def main(words: Sequence[str]) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="kill -9 of a front and its scheduler")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    return killed.ended(asyncio.run(measure(args.requests, args.at_once)), check=args.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
