"""What the model of an engine is given: its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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

    def check_fits(self, prompt_tokens: int, output_tokens: int) -> None:
        """Refuse a request that could never be served.

        Raises:
            ValueError: it exceeds the context or the cache, or is none.
        """
        if prompt_tokens < 1 or output_tokens < 0:
            raise ValueError(f"need a prompt and no negative output, got {prompt_tokens}")
        total = prompt_tokens + output_tokens
        if total > self.max_model_len:
            raise ValueError(f"{total} tokens exceed max_model_len {self.max_model_len}")
        # The last token is sampled and never attended to: it takes no place in the cache.
        needed = self.blocks_for(max(prompt_tokens, total - 1))
        if needed > self.num_blocks:
            raise ValueError(f"needs {needed} KV blocks, the cache has {self.num_blocks}")
