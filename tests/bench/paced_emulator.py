"""An emulated worker that tells whether its machine lets it keep its pace.

    python -m tests.bench.paced_emulator --speed FACTOR MODEL...

The engine is that of the simulated mix with 24,000 KV tokens (``tests.bench.mix``), under
``--scheduling-policy priority``. Prints its URL and runs until SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
import urllib.request
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.costs import StepCosts
from tests.bench.burst import server_process
from tests.bench.mix import REGIMES

SETUP = REGIMES["kv24"]


@dataclass(slots=True)
class Pace:
    """The time that steps took by the clock, and their durations in the engine, in seconds."""

    taken: float = 0.0
    due: float = 0.0
    _begun: float = 0.0
    _duration: float = 0.0

    def step(self, now: float, duration: float, *, continues: bool) -> None:
        """A step of ``duration`` begins.

        It follows another at once if a sequence ``continues``; else the engine may have been idle.
        """
        if continues:
            self.taken += now - self._begun
            self.due += self._duration
        self._begun, self._duration = now, duration


class MeteredCosts(StepCosts):
    """The costs of the steps of this process's engine; notes when each step begins."""

    pace: ClassVar[Pace] = Pace()

    def seconds(
        self, sequences: int, kv_tokens: int, prefill_tokens: int, entered: int = 0
    ) -> float:
        """As ``StepCosts.seconds``."""
        duration = super().seconds(sequences, kv_tokens, prefill_tokens, entered)
        self.pace.step(time.monotonic(), duration, continues=sequences > entered)
        return duration


def paced_emulator(models: Sequence[str], speed: float) -> AbstractContextManager[str]:
    """The emulator as a process of its own; yields its URL."""
    return server_process("tests.bench.paced_emulator", "--speed", str(speed), *models)


def pace_of(url: str) -> tuple[float, float]:
    """Engine seconds that the worker's steps took, and should have taken, so far."""
    with urllib.request.urlopen(url + "/pace", timeout=30) as reply:
        taken, due = json.load(reply)
    return taken, due


def run_paced(config: EmulatorConfig) -> None:
    """Run a worker of this configuration until SIGTERM; prints its URL. See ``pace_of``."""

    async def pace(_: Request) -> JSONResponse:
        return JSONResponse([MeteredCosts.pace.taken * config.speed, MeteredCosts.pace.due])

    metered = replace(config, costs=MeteredCosts(**asdict(config.costs)))
    with EmbeddedEmulator(metered) as worker:
        worker.app.router.routes.append(Route("/pace", pace))
        print(worker.url, flush=True)
        signal.pause()


def main() -> None:
    """Run the worker; ``/pace`` tells how it keeps pace."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--speed", type=float, required=True)
    args = parser.parse_args()
    engine = replace(SETUP.servers()[0].config, scheduling_policy="priority")
    run_paced(EmulatorConfig(tuple(args.models), engine, SETUP.costs, args.speed))


if __name__ == "__main__":
    main()
