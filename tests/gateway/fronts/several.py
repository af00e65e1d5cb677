"""``lengthwise serve --fronts N`` as an operator runs it, and what tests ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

PATIENCE_S = 90.0
"""How long a test waits: three processes begin, each with two CPU seconds of imports."""

LIMIT_S = 240
"""Seconds of a test that starts a gateway."""

COMMAND = [sys.executable, "-m", "gateway.cli", "serve"]


@dataclass(slots=True)
class Several:
    """A gateway of several fronts."""

    process: Process
    url: str
    admin: str
    """Path of the operators' socket."""
    config: Path
    log: Path

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send the parent a signal."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """The exit code."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def ask(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, bytes]:
        """What the operators' listener answers."""
        connector = aiohttp.UnixConnector(path=self.admin)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://localhost{path}", json=body) as response,
        ):
            return response.status, await response.read()

    async def page(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """The JSON of a page."""
        _, text = await self.ask(path, method, body)
        return yaml.safe_load(text)

    async def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Each sample by name and labels."""
        _, text = await self.ask("/metrics")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
        }

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels."""
        found = await self.metrics()
        return sum(v for (n, got), v in found.items() if n == name and labels.items() <= got)

    async def pids(self) -> dict[str, int]:
        """The processes by name."""
        page = await self.page("/admin/status")
        return {one["name"]: one["pid"] for one in page["processes"]}

    async def until_others(self, before: Mapping[str, int], *names: str) -> None:
        """Return once each of these has another process than ``before``, and all serve."""

        async def others() -> bool:
            with contextlib.suppress(KeyError):  # the page is an error while no front answers
                now = await self.pids()
                return all(now[name] != before[name] for name in names)
            return False

        await until_async(others, f"other processes: {names}")
        await self.until_ready()

    async def until_ready(self) -> None:
        """Return once /ready says 200, and that every process serves."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            status, body = await self.ask("/ready")
            states = set(yaml.safe_load(body).get("fronts", {"": ""}).values())
            if status == 200 and states <= {"ready", "serving"}:
                return
            assert asyncio.get_running_loop().time() < deadline, body
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def several(
    folder: Path,
    *workers: str,
    fronts: int = 2,
    env: Mapping[str, str] | None = None,
    **sections: Any,
) -> AsyncIterator[Several]:
    """A gateway of so many fronts before these workers, without a predictor unless told."""
    admin = folder / "admin.sock"
    settings: dict[str, Any] = {
        "workers": [{"url": url} for url in workers],
        "predictor": {"enabled": False},
        "shutdown": {"lame_duck_s": 0},
        "admin": {"listen": str(admin)},
        **sections,
    }
    config, log = folder / "lengthwise.yaml", folder / "log"
    config.write_text(yaml.safe_dump(settings))
    words = [*COMMAND, "--port", "0", "--fronts", str(fronts), "--config", str(config)]
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *words, stdout=PIPE, stderr=stderr, env={**os.environ, **(env or {})}
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode()
        assert "serving on" in line, log.read_text()
        url = line.split(" by ")[0].split()[-1]
        running = Several(process, url, str(admin), config, log)
        await running.until_ready()
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for is dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def until_async(check: Any, what: str) -> None:
    """Return once an awaited condition holds."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not await check():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}"
        await asyncio.sleep(0.05)
