"""A clock driven by an engine's steps, whose seconds are the seconds of a steady machine.

Near load 1 a queue grows with the difference of two rates. If a machine is a tenth slower in one
run than in the next, every latency differs. No loop beside the engine shows how slow the engine is:
over 198 seconds of a saturated engine the CPU time per token had a coefficient of variation of
0.15, and loops of arithmetic, objects or memory accesses left 0.12 to 0.14 of it.

The clock therefore reads what vLLM logs of each step: the work done in it, including what is
computed again after a preemption, which vLLM's metrics leave out. It prices the step by the costs
of a calibration. Requests sent by this clock meet the requested load, and latencies
measured by it can be compared. It does not show the CPU time that an arm costs on the engine's
core.
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
"""Flags that vLLM has to be started with."""

SECONDS = "; seconds of engine steps, priced by the engine's calibration"
"""The sentence on seconds in a report."""

_READ_EVERY_S = 0.01
"""Interval at which the log is read."""

_PAUSE_S = 0.1
"""Time without a step after which vLLM is asked whether it has work. The machine may be busy with
other programs."""

_STEP = re.compile(
    r"Iteration\(\d+\): (\d+) context requests, (\d+) context tokens, "
    r"(\d+) generation requests, (\d+) generation tokens, "
    r"iteration elapsed time: ([\d.]+) ms.* KV cache usage: ([\d.]+)%"
)


@dataclass(frozen=True, slots=True)
class Step:
    """The work of one engine step."""

    entered: int
    """Sequences in prefill."""
    prompt_tokens: int
    decoding: int
    """Sequences in decode."""
    tokens: int
    """Tokens computed for the decoding sequences: more than one for a sequence that returns after a
    preemption."""
    elapsed: float
    kv_usage: float

    @classmethod
    def parse(cls, line: str) -> Step | None:
        """The step in a line of vLLM's log; None if the line is not about a step."""
        match = _STEP.search(line)
        if match is None:
            return None
        entered, prompt_tokens, decoding, tokens = map(int, match.groups()[:4])
        elapsed, usage = map(float, match.groups()[4:])
        return cls(entered, prompt_tokens, decoding, tokens, elapsed / 1000, usage / 100)

    def price(self, costs: StepCosts, capacity: float) -> float:
        """Seconds on a steady engine whose KV cache holds ``capacity`` tokens."""
        return costs.seconds(
            sequences=self.entered + self.decoding,
            kv_tokens=round(self.kv_usage * capacity),
            prefill_tokens=self.prompt_tokens + self.tokens - self.decoding,
            entered=self.entered,
        )


class Meter:
    """Seconds passed: priced seconds of steps, real seconds while the engine has no work."""

    def __init__(self, costs: StepCosts, capacity: float) -> None:
        self._costs = costs
        self._capacity = capacity
        self._passed = 0.0
        self._idle = 0.0

    def step(self, step: Step) -> None:
        """A step has ended. The engine was not idle during the step, whatever it reported."""
        self._passed += step.price(self._costs, self._capacity)
        self._passed += max(0.0, self._idle - step.elapsed)
        self._idle = 0.0

    def idle(self, seconds: float) -> None:
        """The engine has reported no work for ``seconds`` real seconds."""
        self._idle += seconds

    @property
    def reading(self) -> float:
        """Seconds passed."""
        return self._passed + self._idle


@dataclass(frozen=True, slots=True)
class Hand:
    """The reading between two reads of the log: it repeats the progress of the last interval.

    The interval had ``span`` real seconds. The hand is one interval late and never goes back.
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
        """The hand after the meter is read at ``now``."""
        return Hand(self.at(now), max(self.ahead, reading), now, now - self.since)


@contextmanager
def step_clock(server: VllmServer, costs: StepCosts) -> Iterator[Clock]:
    """A clock driven by ``server``, whose steps are priced by ``costs``.

    The server was started with ``ENGINE_FLAGS``. A separate process reads its log.
    """
    capacity = float(server.cache_config()["kv_cache_size_tokens"])
    context = multiprocessing.get_context("spawn")
    state = context.Array("d", [0.0, 0.0, time.monotonic(), _READ_EVERY_S])
    meter = Meter(costs, capacity)
    reader = context.Process(
        target=_read_log, args=(state, server.log, server.url, meter), daemon=True
    )
    reader.start()

    def clock() -> float:
        if not reader.is_alive():
            raise RuntimeError(f"the reader of {server.log} has ended: the step clock stands still")
        return _hand(state).at(time.monotonic())

    try:
        yield clock
    finally:
        reader.kill()
        reader.join()


def _hand(state: SynchronizedArray[float]) -> Hand:
    with state.get_lock():
        return Hand(*state[:])


def _read_log(state: SynchronizedArray[float], log: Path, url: str, meter: Meter) -> None:
    hand = _hand(state)
    stepped = hand.since
    with log.open(errors="replace") as file:
        file.seek(0, 2)
        rest = ""
        while True:
            time.sleep(_READ_EVERY_S)
            *lines, rest = (rest + file.read()).split("\n")
            steps = [step for line in lines if (step := Step.parse(line)) is not None]
            for step in steps:
                meter.step(step)
            now = time.monotonic()
            if steps:
                stepped = now
            elif now - stepped > _PAUSE_S and not _has_work(url):
                meter.idle(now - hand.since)
            hand = hand.next(now, meter.reading)
            with state.get_lock():
                state[:] = [hand.behind, hand.ahead, hand.since, hand.span]


def _has_work(url: str) -> bool:
    metrics = read_metrics(url)
    return metrics["vllm:num_requests_running"] + metrics["vllm:num_requests_waiting"] > 0
