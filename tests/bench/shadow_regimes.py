"""The requests and the regimes of the benches of the shadow.

Load 1 is the capacity of stock. The load is mixed: busy minutes take turns with quiet ones. Forty
kinds of prompts, each with its own typical length, so that forecasts learn. Loads, sizes and costs
of ``memory`` were chosen by how much the order saves on other seeds (100 to 103), not by what the
shadow makes of it: half of the latency and a quarter of the p99, so that a share of it means
something.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

from scheduler.length import LengthDistribution
from scheduler.sim.arms import Server
from scheduler.sim.capacity import capacity
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request

MODEL = "emulated"
PHASE_S = 60.0
"""Seconds of the engine of a busy or quiet phase. Phases take turns."""

KINDS = 40

_ORDER: dict[str, Any] = {"scheduling_policy": "priority"}


@dataclass(frozen=True, slots=True)
class Mix:
    """Requests of forty kinds.

    Args:
        typical: the typical length of a kind's answers, mean of its log.
        spread: standard deviation of that log over the kinds.
        longest: tokens of the longest answer.
        words: fewest and most words of a prompt.
        prompt_tokens: of a usual prompt, as the emulator counts.
    """

    typical: float = 3.6
    spread: float = 1.0
    longest: int = 400
    words: tuple[int, int] = (5, 60)
    prompt_tokens: int = 40

    def bodies(self, count: int, seed: int) -> list[dict[str, Any]]:
        """Requests, whose answers' lengths vary by a factor within a kind."""
        rng = random.Random(seed)
        kinds = [
            (rng.lognormvariate(self.typical, self.spread), rng.randint(*self.words))
            for _ in range(KINDS)
        ]
        made = []
        for _ in range(count):
            kind = rng.randrange(KINDS)
            typical, words = kinds[kind]
            prompt = f"Task {kind} of {seed}: " + " ".join(["describe"] * words)
            tokens = min(self.longest, max(1, round(typical * rng.lognormvariate(0, 0.3))))
            messages = [{"role": "user", "content": prompt}]
            target = {"vllm_xargs": {"target_tokens": tokens}}
            made.append({"model": MODEL, "messages": messages, **target})
        return made


@dataclass(frozen=True, slots=True)
class Regime:
    """An emulated engine and its traffic.

    Args:
        engine: its limits.
        costs: of its steps, which are slow: the emulator's own work is little beside them.
        loads: of the busy and the quiet phase.
        speed: seconds of the engine in one of the clock.
        mix: the requests.
    """

    engine: EngineConfig
    costs: StepCosts
    loads: tuple[float, float]
    speed: float
    mix: Mix

    def rate(self, seed: int) -> float:
        """Requests a second of the engine at load 1."""
        requests = [
            Request(
                self.mix.prompt_tokens,
                body["vllm_xargs"]["target_tokens"],
                LengthDistribution.point(1),
            )
            for body in self.mix.bodies(500, seed)
        ]
        return capacity(requests, [Server(self.engine, self.costs)])


LONG = Mix(typical=4.0, spread=1.3, longest=800, words=(22, 130), prompt_tokens=190)
"""Answers and prompts so long that it costs something to compute them again."""

REGIMES = {
    "slots": Regime(
        EngineConfig(max_num_seqs=8, num_blocks=4096, max_model_len=1024, **_ORDER),
        StepCosts(0.05, 2e-4, 2e-6, 2e-4),
        loads=(1.4, 0.6),
        speed=2.0,
        mix=Mix(),
    ),
    "memory": Regime(
        EngineConfig(max_num_seqs=128, num_blocks=500, max_model_len=2048, **_ORDER),
        StepCosts(0.05, 2e-4, 2e-6, 1e-3),
        loads=(1.6, 0.6),
        speed=2.5,
        mix=LONG,
    ),
}
"""8 sequences and memory for all; 128 sequences and 8,000 KV tokens."""


def times(loads: tuple[float, float], rate: float, seconds: float, seed: int) -> list[float]:
    """Arrivals in ``seconds`` of the engine: Poisson, busy and quiet phases in turn."""
    rng, found = random.Random(1000 + seed), list[float]()
    for phase in range(math.ceil(seconds / PHASE_S)):
        at, load = phase * PHASE_S, loads[phase % 2]
        end = min(at + PHASE_S, seconds)
        while (at := at + rng.expovariate(load * rate)) < end:
            found.append(at)
    return found
