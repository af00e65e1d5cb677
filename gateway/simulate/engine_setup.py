"""EngineSetup: the engines of a simulation."""

from __future__ import annotations

from dataclasses import dataclass, field

from scheduler.sim.arms import Server
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig

MAX_MODEL_LEN = 131_072
"""Default context length in tokens."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """``workers`` identical engines, each with ``kv_tokens`` tokens of KV cache."""

    kv_tokens: int = 24_000
    max_num_seqs: int = 256
    workers: int = 1
    block_size: int = 16
    max_num_batched_tokens: int = 2048
    max_model_len: int = MAX_MODEL_LEN
    costs: StepCosts = field(default_factory=StepCosts)

    def servers(self) -> list[Server]:
        """The engines in the form that the simulator takes.

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
