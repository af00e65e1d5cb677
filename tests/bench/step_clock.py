"""A clock that an engine drives by its own account: its seconds are those of a steady machine.

At a load near 1 a queue grows with the difference of two rates, and a machine that is a tenth
slower in one run than in the next makes every latency another. No loop beside the engine tells how
slow the engine itself is (over 198 seconds of a saturated engine the CPU time per token had a
coefficient of variation of 0.15; loops of arithmetic, of objects, of memory left 0.12 to 0.14 of
it). So the clock reads what vLLM logs of every step, what was done in it (what is computed again
after a preemption too, which its metrics leave out), and prices that by costs that a calibration
gave: requests sent by it meet the load that is asked for, and latencies told by it compare. What
an arm costs the engine's core in CPU time it does not tell.
"""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path

from scheduler.sim.costs import StepCosts
from tests.bench.load import Clock
from tests.vllm.engine import VllmServer, read_metrics

ENGINE_FLAGS = ("--enable-logging-iteration-details",)
"""What vLLM has to be started with."""

SECONDS = "; seconds are those of the engine's steps, priced by its calibration"
"""What a report says of them."""

_EVERY = 0.01
"""Seconds between two looks into the log."""

_PAUSE = 0.1
"""Seconds without a step after which vLLM is asked whether it has anything to do: the machine may
be busy with something else."""

_STEP = re.compile(
    r"Iteration\(\d+\): (\d+) context requests, (\d+) context tokens, "
    r"(\d+) generation requests, (\d+) generation tokens, "
    r"iteration elapsed time: ([\d.]+) ms.* KV cache usage: ([\d.]+)%"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What an engine did in one step."""

    entered: int
    """Sequences whose prompt was computed, or a part of it."""
    prompt_tokens: int
    writing: int
    """The other sequences."""
    tokens: int
    """Tokens computed for these: more than one where one comes back after a preemption."""
    elapsed: float
    kv_usage: float

    @classmethod
    def of(cls, line: str) -> Step | None:
        """The step that a line of vLLM's log tells of, if it does."""
        found = _STEP.search(line)
        if found is None:
            return None
        entered, prompt_tokens, writing, tokens = map(int, found.groups()[:4])
        elapsed, usage = map(float, found.groups()[4:])
        return cls(entered, prompt_tokens, writing, tokens, elapsed / 1000, usage / 100)

    def price(self, costs: StepCosts, capacity: float) -> float:
        """Seconds on a steady engine whose KV cache holds ``capacity`` tokens."""
        return costs.seconds(
            sequences=self.entered + self.writing,
            kv_tokens=round(self.kv_usage * capacity),
            prefill_tokens=self.prompt_tokens + self.tokens - self.writing,
            entered=self.entered,
        )


class Meter:
    """Seconds that have passed: priced ones of steps, real ones while the engine has no work."""

    def __init__(self, costs: StepCosts, capacity: float) -> None:
        self._costs = costs
        self._capacity = capacity
        self._passed = 0.0
        self._idle = 0.0

    def step(self, step: Step) -> None:
        """A step has ended; while it took place the engine was not idle, whatever it said."""
        self._passed += step.price(self._costs, self._capacity)
        self._passed += max(0.0, self._idle - step.elapsed)
        self._idle = 0.0

    def idle(self, seconds: float) -> None:
        """For so many real seconds the engine has said that it has nothing to do."""
        self._idle += seconds

    @property
    def reading(self) -> float:
        """Seconds passed."""
        return self._passed + self._idle


@dataclass(frozen=True, slots=True)
class Hand:
    """The clock's hand between two looks: it makes the way of the last ``span`` real seconds.

    So it is one look late, and never goes back.
    """

    behind: float
    ahead: float
    since: float
    span: float

    def at(self, now: float) -> float:
        """The reading at ``now``, in real seconds."""
        share = min(1.0, max(0.0, now - self.since) / self.span)
        return self.behind + share * (self.ahead - self.behind)

    def next(self, now: float, reading: float) -> Hand:
        """The hand after a look ``now`` at a meter."""
        return Hand(self.at(now), max(self.ahead, reading), now, now - self.since)


@contextmanager
def step_clock(server: VllmServer, costs: StepCosts) -> Iterator[Clock]:
    """Seconds of the engine that ``costs`` describe, driven by this one.

    It has been started with ``ENGINE_FLAGS``. A process of its own reads its log.
    """
    capacity = float(server.cache_config()["kv_cache_size_tokens"])
    context = multiprocessing.get_context("spawn")
    state = context.Array("d", [0.0, 0.0, time.monotonic(), _EVERY])
    meter = Meter(costs, capacity)
    watch = context.Process(target=_watch, args=(state, server.log, server.url, meter), daemon=True)
    watch.start()

    def clock() -> float:
        if not watch.is_alive():
            raise RuntimeError(f"nobody reads {server.log} any more: the step clock stands still")
        return _read(state).at(time.monotonic())

    try:
        yield clock
    finally:
        watch.kill()
        watch.join()


def _read(state: SynchronizedArray[float]) -> Hand:
    with state.get_lock():
        return Hand(*state[:])


def _watch(state: SynchronizedArray[float], log: Path, url: str, meter: Meter) -> None:
    hand = _read(state)
    stepped = hand.since
    with log.open(errors="replace") as file:
        file.seek(0, 2)
        begun = ""
        while True:
            time.sleep(_EVERY)
            *lines, begun = (begun + file.read()).split("\n")
            steps = [step for line in lines if (step := Step.of(line)) is not None]
            for step in steps:
                meter.step(step)
            now = time.monotonic()
            if steps:
                stepped = now
            elif now - stepped > _PAUSE and not _has_work(url):
                meter.idle(now - hand.since)
            hand = hand.next(now, meter.reading)
            with state.get_lock():
                state[:] = [hand.behind, hand.ahead, hand.since, hand.span]


def _has_work(url: str) -> bool:
    metrics = read_metrics(url)
    return metrics["vllm:num_requests_running"] + metrics["vllm:num_requests_waiting"] > 0
