"""A study: arms x loads x seeds on one setting, as rows of figures."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.simulate.source import start
from scheduler.sim import arrivals
from scheduler.sim.arms import Arm, Server
from scheduler.sim.capacity import capacity
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.measures import figures
from scheduler.sim.request import Request
from scheduler.sim.simulator import Outcome, simulate

MAX_MODEL_LEN = 131_072
"""Tokens of context, unless told otherwise."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """The engines: ``workers`` alike, each with ``kv_tokens`` of cache."""

    kv_tokens: int = 24_000
    max_num_seqs: int = 256
    workers: int = 1
    block_size: int = 16
    max_num_batched_tokens: int = 2048
    max_model_len: int = MAX_MODEL_LEN
    costs: StepCosts = field(default_factory=StepCosts)

    def servers(self) -> list[Server]:
        """The engines as the simulator takes them.

        Raises:
            ValueError: a limit is impossible.
        """
        config = EngineConfig(
            max_num_seqs=self.max_num_seqs,
            num_blocks=self.kv_tokens // self.block_size,
            block_size=self.block_size,
            max_num_batched_tokens=max(self.max_num_batched_tokens, self.max_num_seqs),
            max_model_len=self.max_model_len,
        )
        return [Server(config, self.costs)] * self.workers


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How requests arrive: ``name`` is "poisson", "gamma" (with ``cv``) or that of a trace.

    ``times`` are a trace's ascending seconds. If they are the requests' ``own``, these keep their
    order.
    """

    name: str = "poisson"
    cv: float = 2.0
    times: Sequence[float] = ()
    own: bool = False

    def draw(self, count: int, rate: float, seed: int) -> list[float]:
        """Ascending seconds of ``count`` arrivals at ``rate`` a second; alike in shape by seed."""
        if self.times:
            gaps = arrivals.gaps_of(self.times)
            return arrivals.stretch(gaps, count, start(len(gaps), seed), rate)
        rng = random.Random(seed)
        if self.name == "gamma":
            return arrivals.gamma(count, rate, self.cv, rng)
        return arrivals.poisson(count, rate, rng)

    def natural_rate(self, count: int, seed: int) -> float:
        """Requests a second of a trace as it is, over what ``draw`` takes of it."""
        gaps = arrivals.gaps_of(self.times)
        return count / arrivals.stretch(gaps, count, start(len(gaps), seed), None)[-1]


@dataclass(slots=True)
class Study:
    """Runs of one setting on requests drawn by seed; what load 1 is, is found once a seed."""

    setting: Setting
    draw: Callable[[int], Sequence[Request]]
    arrivals: Arrivals = field(default_factory=Arrivals)
    _requests: dict[int, Sequence[Request]] = field(default_factory=dict)
    _capacity: dict[int, float] = field(default_factory=dict)

    def capacity(self, seed: int) -> float:
        """Requests a second at load 1."""
        if seed not in self._capacity:
            context = self.setting.max_model_len
            self._requests[seed] = [within(request, context) for request in self.draw(seed)]
            self._capacity[seed] = capacity(self._requests[seed], self.setting.servers())
        return self._capacity[seed]

    def simulate(self, arm: Arm, load: float, seed: int) -> Outcome:
        """One run."""
        rate = load * self.capacity(seed)
        requests = self._requests[seed]
        times = self.arrivals.draw(len(requests), rate, seed)
        return simulate(requests, times, self.setting.servers(), arm)

    def load(self, asked: float | None, seed: int) -> float:
        """The load ``asked`` for; None: that of the trace as it is."""
        if asked is not None:
            return asked
        capacity = self.capacity(seed)
        return self.arrivals.natural_rate(len(self._requests[seed]), seed) / capacity

    def describe(self, arm: Arm, load: float, seed: int) -> Row:
        """What was run: the columns before the figures."""
        return {
            "policy": arm.policy,
            "ageing": arm.ageing if arm.ages else None,
            "level": arm.level if arm.levels else None,
            "kv_overflow": arm.overflow if arm.forecasts_kv else None,
            "load": load,
            "arrivals": self.arrivals.name,
            "kv_tokens": self.setting.kv_tokens,
            "max_num_seqs": self.setting.max_num_seqs,
            "workers": self.setting.workers,
            "seed": seed,
            "rate": load * self.capacity(seed),
        }

    def row(self, arm: Arm, load: float, seed: int) -> Row:
        """One run's figures, with the setting they hold for."""
        return self.describe(arm, load, seed) | figures(self.simulate(arm, load, seed))

    def rows(
        self, arms: dict[str, Arm], loads: Sequence[float], seeds: Sequence[int]
    ) -> Iterator[Row]:
        """All runs, the arms side by side on the same requests and arrivals.

        For experiments: ``policy`` is the arm's name in ``arms``.
        """
        for seed in seeds:
            for load in loads:
                for label, arm in arms.items():
                    yield self.row(arm, load, seed) | {"policy": label}


def within(request: Request, context: int) -> Request:
    """The request as a server of so much context (tokens) answers it: cut short where it ends."""
    room = context - request.prompt_tokens
    if room < 1 or request.output_tokens <= room:
        return request
    return replace(request, output_tokens=room, length=request.length.capped(room))


def mean(rows: Sequence[Row], column: str) -> float:
    """The mean of a column; NaN of no rows."""
    found = [float(row[column]) for row in rows]
    return sum(found) / len(found) if found else math.nan
