"""10,000 requests at once, counted: limits, and tokens, against what clients have got.

    python -m tests.bench.exact_limits [--requests N]

The queue is paused, so that all N requests are in the gateway at a time; four keys send a quarter
each over connections of their own, and go on once each is refused or waits. Then the queue goes on,
and a mock engine answers. Exit code 1 unless

- `atonce` (concurrency N / 10) has exactly so many answers;
- `often` (requests_per_min N / 10) has as many as its bucket had, and what refilled meanwhile;
- `tokens` (tokens_per_min 2 N) and `free` have what they were accepted for;
- requests and tokens in the accounts are those of the answers, for each key, to the token.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from gateway.usage.read import read_usage
from tests.bench import mock_engine
from tests.bench.processes import beside, most_clients
from tests.chaos.processes import Process, free_ports

KEYS = ("atonce", "often", "tokens", "free")
_USAGE = re.compile(rb'"total_tokens": ?(\d+)')


@dataclass(slots=True)
class Answers:
    """What the clients of one key have got."""

    statuses: Counter[int] = field(default_factory=Counter)
    tokens: int = 0
    seconds: float = 0.0
    """From the first request to the last refusal."""


class Client(asyncio.Protocol):
    """One request, to the end of its connection."""

    def __init__(self, request: bytes, answers: Answers, ended: asyncio.Semaphore) -> None:
        self._request, self._answers, self._ended, self._got = request, answers, ended, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Keep what comes."""
        self._got += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Count."""
        status = int(self._got[9:12] or 0)
        self._answers.statuses[status] += 1
        if status == 200 and (found := _USAGE.search(self._got)):
            self._answers.tokens += int(found[1])
        self._ended.release()


def key_of(name: str) -> str:
    """A holder's key."""
    return f"the-key-of-{name}-here"


def clients(said: Connection, port: int, count: int) -> None:
    """The process of the clients: sends at once, and says at last what came."""
    said.send(asyncio.run(_clients(said, port, count)))


async def _clients(said: Connection, port: int, count: int) -> dict[str, Answers]:
    loop, ended = asyncio.get_running_loop(), asyncio.Semaphore(0)
    found: dict[str, Answers] = {}
    begun = monotonic()
    for number in range(count):
        name = KEYS[number % len(KEYS)]
        answers = found.setdefault(name, Answers())
        request = _request(name, number)

        def client(request: bytes = request, answers: Answers = answers) -> Client:
            return Client(request, answers, ended)

        await loop.create_connection(client, "127.0.0.1", port)
        if number % 100 == 99:
            await asyncio.sleep(0.01)
    said.send("sent")
    await asyncio.to_thread(said.recv)
    for answers in found.values():
        answers.seconds = monotonic() - begun
    for _ in range(count):
        await ended.acquire()
    return found


def _request(name: str, number: int) -> bytes:
    body = json.dumps(
        {
            "model": mock_engine.MODEL,
            "messages": [{"role": "user", "content": f"Say number {number} in words."}],
            "max_tokens": 1 + number % 17,
        }
    )
    return (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n"
        f"authorization: Bearer {key_of(name)}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    ).encode()


def configuration(folder: Path, engine: str, count: int) -> dict[str, Any]:
    """Four keys, three of them with a limit."""
    return {
        "workers": [{"url": engine, "max_num_seqs": 256}],
        "admin": {"listen": str(folder / "admin.sock")},
        "usage": {"file": str(folder / "usage.sqlite")},
        "predictor": {"refine": False},
        "queue": {"max_waiting": count, "no_worker_grace_s": 600},
        "health": {"timeout_s": 60, "failures": 100},  # however busy the machine is
        "access": {
            "api_keys": {name: key_of(name) for name in KEYS},
            "groups": [
                {"name": "atonce", "concurrency": count // 10},
                {"name": "often", "requests_per_min": count // 10},
                {"name": "tokens", "tokens_per_min": 2 * count},
            ],
        },
        "shutdown": {"lame_duck_s": 0},
    }


async def run(folder: Path, count: int) -> dict[str, Answers]:
    """Send them all, and return what came."""
    with beside(mock_engine.serve) as engine:
        config = folder / "lengthwise.yaml"
        config.write_text(json.dumps(configuration(folder, engine.recv(), count)))
        gateway = Process(("serve", "--config", str(config)), free_ports(1)[0], folder / "log")
        gateway.start()
        try:
            await gateway.answers()
            inside = aiohttp.UnixConnector(str(folder / "admin.sock"))
            async with aiohttp.ClientSession(connector=inside) as admin:
                await _post(admin, "/admin/pause")
                with beside(clients, gateway.port, count) as said:
                    await asyncio.to_thread(said.recv)
                    await _all_there(admin, count)
                    said.send("go on")
                    await _post(admin, "/admin/resume")
                    found: dict[str, Answers] = await asyncio.to_thread(said.recv)
            return found
        finally:
            await gateway.end()


async def _post(admin: aiohttp.ClientSession, path: str) -> None:
    async with admin.post("http://admin" + path) as response:
        assert response.status == 200, await response.text()


async def _all_there(admin: aiohttp.ClientSession, count: int) -> None:
    """Return once each request waits or has been refused."""
    refused = re.compile(r"^lengthwise_requests_total\{[^}]*\} ([\d.e+]+)$", re.MULTILINE)
    async with asyncio.timeout(600):
        while True:
            async with admin.get("http://admin/admin/queue?limit=1") as response:
                waiting = (await response.json())["waiting"]
            async with admin.get("http://admin/metrics") as response:
                ended = sum(map(float, refused.findall(await response.text())))
            if waiting + ended >= count:
                return
            await asyncio.sleep(0.2)


def judged(found: dict[str, Answers], folder: Path, count: int) -> bool:
    """Print the table, and say whether everything was counted."""
    totals = read_usage(folder / "usage.sqlite", date.min, date.max)
    right = True
    print("| key | sent | answered | allowed | refused | tokens of the answers | in the accounts |")
    print("|---|---|---|---|---|---|---|")
    for name in KEYS:
        answers, limit = found[name], count // 10
        taken, sent = answers.statuses[200], sum(answers.statuses.values())
        counted = [counts for row, counts in totals.items() if row.key == name]
        tokens = sum(one.prompt_tokens + one.output_tokens for one in counted)
        allowed = {
            "atonce": (limit, limit),
            "often": (limit, limit + int(answers.seconds * limit / 60) + 1),
            "free": (sent, sent),
        }.get(name, (1, sent))
        right &= allowed[0] <= taken <= allowed[1] and tokens == answers.tokens
        right &= taken + answers.statuses[429] == sent
        right &= sum(one.requests - one.failed for one in counted) == taken
        print(
            f"| `{name}` | {sent} | {taken} | {allowed[0]} to {allowed[1]} "
            f"| {answers.statuses[429]} | {answers.tokens} | {tokens} |"
        )
    return right


def main(words: Sequence[str]) -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(description="10,000 requests at once, counted")
    parser.add_argument("--requests", type=int, default=10_000)
    count = min(parser.parse_args(words).requests, most_clients()) // 20 * 20
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(Path(folder), count))
        return int(not judged(found, Path(folder), count))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
