"""EngineWatch: what an emulated engine really holds, step by step."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from scheduler.sim.engine import Engine
from scheduler.sim.step import StepTokens


class EngineState(NamedTuple):
    """The engine after a step, or as requests reach it."""

    at: float
    """Seconds of ``time.monotonic``."""
    used: int
    """KV tokens in use, in whole blocks."""
    entered: int
    """Sequences that have ever begun to hold memory."""
    running: int
    """Sequences that hold memory."""
    waiting: int
    """Sequences that wait in the engine."""


@dataclass(slots=True)
class _Sequence:
    prompt_tokens: int
    output_tokens: int
    generated: int = 0


@dataclass(slots=True)
class EngineWatch:
    """Takes the place of an engine's ``add``, ``step`` and ``abort``, which it calls."""

    engine: Engine
    states: list[EngineState] = field(default_factory=list)
    added: int = 0
    """Sequences that have ever reached the engine."""
    _live: dict[str, _Sequence] = field(default_factory=dict)

    @classmethod
    def over(cls, engine: Engine) -> EngineWatch:
        """Watch an engine that has no work yet."""
        watch = cls(engine)
        add, step, abort = engine.add, engine.step, engine.abort

        def watched_add(id: str, prompt_tokens: int, output_tokens: int, priority: int = 0) -> None:
            add(id, prompt_tokens, output_tokens, priority)
            watch.added += 1
            watch._live[id] = _Sequence(prompt_tokens, output_tokens)

        def watched_step() -> StepTokens:
            result = step()
            watch._note(result)
            return result

        def watched_abort(id: str) -> bool:
            watch._live.pop(id, None)
            return abort(id)

        for name, method in (
            ("add", watched_add),
            ("step", watched_step),
            ("abort", watched_abort),
        ):
            setattr(engine, name, method)
        return watch

    @property
    def capacity(self) -> int:
        """KV tokens of the cache."""
        return self.engine.config.num_blocks * self.engine.config.block_size

    def _note(self, result: StepTokens) -> None:
        for id in result.emitted:
            if id in self._live:
                self._live[id].generated += 1
        for id in result.finished:
            self._live.pop(id, None)
        engine = self.engine
        used = self.capacity - engine.free_blocks * engine.config.block_size
        entered = self.added - engine.waiting
        self.states.append(
            EngineState(time.monotonic(), used, entered, engine.running, engine.waiting)
        )

    @property
    def busy(self) -> bool:
        """Whether any sequence is in the engine."""
        return bool(self._live)

    def coming(self) -> list[tuple[int, int]]:
        """What each sequence in the engine holds now in tokens, and how many are still to come."""
        live = list(self._live.values())
        return [(s.prompt_tokens + s.generated, s.output_tokens - s.generated) for s in live]


def peak(sequences: list[tuple[int, int]]) -> int:
    """The KV peak, in tokens, of sequences that all grow by a token a step until they end.

    ``sequences``: what each holds now, and the tokens still to come.
    """
    ends = sorted({left for _, left in sequences})
    return max(
        (sum(held + end for held, left in sequences if left >= end) for end in ends), default=0
    )
