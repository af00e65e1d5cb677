"""A clock that counts what a core can do instead of seconds.

A virtual machine's core shares a processor with strangers: the same loop takes 0.8 ms or 1.3,
changing every few seconds and on each core by itself. At a load near 1 that decides every latency.
Requests sent by this clock keep the load that is asked for, and latencies told by it compare.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Set
from contextlib import AbstractContextManager
from statistics import median
from types import TracebackType

Clock = Callable[[], float]

_ROUNDS = 20_000  # of a loop: a millisecond
_EVERY = 0.05  # seconds: 2 % of the core
_RECENT = 5


class EngineClock(AbstractContextManager["EngineClock"]):
    """Seconds of the cores ``cpus`` at their best: they pass slower while the cores are slow.

    A process on them times a loop, by its CPU time, twenty times a second.
    """

    def __init__(self, cpus: Set[int]) -> None:
        context = multiprocessing.get_context("spawn")
        self._state = context.Array("d", [0.0, time.monotonic(), 1.0])  # reading, when, rate
        self._probe = context.Process(target=_run, args=(self._state, cpus), daemon=True)

    def __enter__(self) -> EngineClock:
        self._probe.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._probe.kill()
        self._probe.join()

    def __call__(self) -> float:
        """The clock's reading; it never goes back."""
        with self._state.get_lock():
            reading, at, rate = self._state[:]
        return float(reading + (time.monotonic() - at) * rate)


def _run(state: multiprocessing.sharedctypes.SynchronizedArray[float], cpus: Set[int]) -> None:
    os.sched_setaffinity(0, cpus)
    taken: deque[float] = deque(maxlen=_RECENT)
    best = _loop()
    while True:
        taken.append(_loop())
        best = min(best, taken[-1])
        now = time.monotonic()
        with state.get_lock():
            reading, at, rate = state[:]
            state[:] = [reading + (now - at) * rate, now, best / median(taken)]
        time.sleep(_EVERY)


def _loop() -> float:
    """CPU seconds of a loop."""
    begun, total = time.thread_time(), 0
    for at in range(_ROUNDS):
        total += at * at
    return time.thread_time() - begun
