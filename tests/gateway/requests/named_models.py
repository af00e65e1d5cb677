"""Workers that serve named models and keep the bodies that they get."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.scripted import ANSWER, Script, ScriptedWorker, answer, scripted


@dataclass(slots=True)
class NamedWorker:
    """A worker with the bodies that it got, in order."""

    worker: ScriptedWorker
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its URL."""
        return self.worker.url

    @property
    def models(self) -> list[str]:
        """The models that its requests named."""
        return [json.loads(body)["model"] for body in self.bodies]


@contextlib.asynccontextmanager
async def serving(
    *names: str, script: Script | None = None, **fields: Any
) -> AsyncIterator[NamedWorker]:
    """A worker of these models; ``script`` answers in place of an empty answer."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = re.search(rb"content-length: (\d+)", worker.requests[-1].lower())
        named.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
        if script is not None:
            await script(reader, writer)
        else:
            writer.write(answer(ANSWER))

    async with scripted(reply) as worker:
        entries = [{"id": name, "object": "model", **fields} for name in names]
        worker.models = json.dumps({"object": "list", "data": entries}).encode()
        named = NamedWorker(worker)
        yield named
