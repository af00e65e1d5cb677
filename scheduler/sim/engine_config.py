"""What the model of an engine is given: its limits and what its steps cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class StepCosts:
    """What one engine step costs, in seconds.

    The defaults describe an 8B model in bf16 on a GPU of 1.5 TB/s and 300 TFLOP/s (an A100-40): a
    step reads 16 GB of weights (10 ms, and 2 ms of launch and sampling), a KV token is 128 KiB
    (32 layers x 8 heads x 128 x 2 x 2 bytes), and a prefill token is 16 GFLOP at half the peak.
    """

    base: float = 0.012
    per_sequence: float = 30e-6
    per_kv_token: float = 85e-9
    per_prefill_token: float = 100e-6

    def __post_init__(self) -> None:
        if min(self.base, self.per_sequence, self.per_kv_token, self.per_prefill_token) < 0:
            raise ValueError(f"costs must not be negative, got {self}")

    def price(self, batch: int, kv_tokens: int, prefill_tokens: int) -> float:
        """Seconds of a step of ``batch`` sequences over ``kv_tokens`` of context; 0 if empty."""
        if not batch:
            return 0.0
        return (
            self.base
            + self.per_sequence * batch
            + self.per_kv_token * kv_tokens
            + self.per_prefill_token * prefill_tokens
        )


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """vLLM's limits, under the names of its flags.

    ``num_blocks`` x ``block_size`` is the KV capacity in tokens (vLLM keeps one of its
    ``num_gpu_blocks`` to itself: that one does not count here); ``max_num_batched_tokens`` the
    budget of one step, which cuts long prompts into chunks; ``watermark`` the share of the blocks
    (0 to 1) that an admission has to leave free.

    Raises:
        ValueError: a limit is not positive or the watermark not a share.
    """

    max_num_seqs: int = 32
    num_blocks: int = 4096
    block_size: int = 16
    max_num_batched_tokens: int = 2048
    max_model_len: int = 8192
    scheduling_policy: Literal["fcfs", "priority"] = "fcfs"
    watermark: float = 0.0

    def __post_init__(self) -> None:
        limits = (self.max_num_seqs, self.num_blocks, self.block_size)
        if min(*limits, self.max_num_batched_tokens, self.max_model_len) < 1:
            raise ValueError(f"limits must be at least 1, got {self}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark must be in [0, 1), got {self.watermark}")
        if self.scheduling_policy not in ("fcfs", "priority"):
            raise ValueError(f"unknown scheduling policy {self.scheduling_policy!r}")

    def blocks_for(self, tokens: int) -> int:
        """The blocks that hold the KV of so many tokens."""
        return -(-tokens // self.block_size)
