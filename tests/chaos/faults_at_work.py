"""A worker of a run: its process, its front, and the faults that the plan puts into either."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

from tests.chaos.faulty_proxy import FaultyProxy
from tests.chaos.processes import Process
from tests.chaos.schedule import Fault


@dataclass(slots=True)
class ChaosWorker:
    """An emulated worker behind its front."""

    process: Process
    front: FaultyProxy

    async def start(self) -> None:
        """Start the worker, then take connections for it."""
        self.process.start()
        await self.process.answers()
        await self.front.open()

    async def suffer(self, fault: Fault, seconds: float) -> None:
        """Misbehave for a time; returns when the worker could serve again."""
        match fault:
            case Fault.KILL:
                await self.front.close()
                await self.process.end(signal.SIGKILL)
                await asyncio.sleep(seconds)
                await self.start()
            case Fault.RESTART:
                await self.process.end(signal.SIGTERM)
                await self.start()
            case Fault.FREEZE:
                self.process.send(signal.SIGSTOP)
                try:
                    await asyncio.sleep(seconds)
                finally:
                    self.process.send(signal.SIGCONT)
            case _:
                self.front.misbehave(fault)
                try:
                    await asyncio.sleep(seconds)
                finally:
                    self.front.misbehave(None)

    async def stop(self) -> None:
        """End the worker and its front."""
        await self.front.close()
        self.process.send(signal.SIGCONT)
        await self.process.end(signal.SIGKILL)
