"""What kill -9 of a replica, of the scheduler's actor, twice, and of a node costs requests on Ray.

    python -m tests.bench.ray_killed [--requests N] [--at-once N] [--check]

Three nodes of Ray on this machine; two replicas of the gateway and their scheduler on two of them,
Serve's proxy on the third; two emulated workers of 8 slots each, which count each request. Clients
send the requests, a connection for each, so many at once; every second one is a stream; after a
failure a client waits half a second. After a sixth of the answers the actor is killed, after two
sixths a replica, after three sixths the actor again, after four sixths the raylet of the actor's
node. ``--check`` fails unless

- every client gets a whole answer, or an error that says what it is, within a minute; as many
  connections break at most as there were requests under way at each kill;
- no worker gets a request twice, and each whole answer was one worker's;
- afterwards as many requests run at once as there are slots: none has leaked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import aiohttp

from tests.bench import killed
from tests.bench.killed import SLOTS, Load
from tests.chaos.processes import free_ports
from tests.gateway.on_ray.processes import START_S, RayRun, parent

REPLICA, ACTOR = "ray::ServeReplica:lengthwise:Gateway", "ray::SchedulerActor"
KILLS = ("actor", "replica", "actor", "node")
REPLICAS = 2


def victim(run: RayRun, name: str) -> int:
    """The process to kill."""
    if name == "replica":
        return run.pids(REPLICA)[0]
    actor = run.pids(ACTOR)[-1]
    return actor if name == "actor" else parent(actor)


def back(run: RayRun, name: str, before: int) -> bool:
    """Whether what was killed has a successor: an actor on a node that lives, or a replica."""
    if name == "replica":
        return len(set(run.pids(REPLICA)) - {before}) >= REPLICAS
    raylets = set(run.pids("/raylet/raylet")) - {before}
    return any(one != before and parent(one) in raylets for one in run.pids(ACTOR))


async def until(done: Callable[[], bool], what: str) -> None:
    """Return once it is so, asked beside the event loop."""
    deadline = monotonic() + START_S
    while not await asyncio.to_thread(done):
        assert monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.2)


async def kill(run: RayRun, load: Load, count: int) -> tuple[list[int], list[float]]:
    """Kill each at its time; answers before each, and seconds until its successor is there."""
    answers, recovered = [], []
    for number, name in enumerate(KILLS, 1):
        await load.until_answered(number * count // 6)
        pid, begun = await asyncio.to_thread(victim, run, name), monotonic()
        os.kill(pid, signal.SIGKILL)
        answers.append(len(load.outcomes))
        await until(lambda n=name, p=pid: back(run, n, p), f"another {name}")  # type: ignore[misc]
        recovered.append(monotonic() - begun)
    return answers, recovered


async def until_served(load: Load) -> None:
    """Return once a request of its own is answered."""
    deadline = monotonic() + START_S
    async with aiohttp.ClientSession() as client:
        while await load.ask(client, "probe", stream=False, tokens=1) != killed.OK:
            assert monotonic() < deadline, "Serve and the gateway serve"
            await asyncio.sleep(0.5)


async def measure(count: int, at_once: int) -> list[str]:
    """Run it, and print what came of it; returns what is wrong."""
    async with contextlib.AsyncExitStack() as stack:
        recorders, urls = await stack.enter_async_context(killed.workers())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lw-")))
        settings = {
            "workers": [{"url": url, "max_num_seqs": SLOTS} for url in urls],
            "scheduling": {"engine_queue": 0},
            "predictor": {"enabled": False},
        }
        (port,) = free_ports(1)
        words = ("-m", "tests.gateway.on_ray.cluster_run", port, json.dumps(settings), REPLICAS)
        run = RayRun([sys.executable, *map(str, words)], folder / "log")
        stack.push_async_callback(asyncio.to_thread, run.end)
        load = Load(f"http://127.0.0.1:{port}", at_once, pause_s=0.5)
        await until_served(load)
        _, (answers, recovered) = await asyncio.gather(load.all(count), kill(run, load, count))
        lost = await killed.leaked(load.url, recorders, load)
    wrong = killed.verdict(load, recorders, len(KILLS))
    print(f"{', '.join(KILLS)} killed after {answers} answers; slots lost: {lost}")
    print(f"successors after {killed.text_of(recovered)} s")
    wrong |= {"a slot has leaked": lost != 0, "a kill came too late": answers[-1] >= count}
    return killed.told_wrong(wrong)


def main(words: Sequence[str]) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="kill -9 of replicas, actor and node on Ray")
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    return killed.ended(asyncio.run(measure(args.requests, args.at_once)), check=args.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
