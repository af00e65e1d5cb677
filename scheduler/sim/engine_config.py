"""EngineConfig: the limits of a simulated engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """vLLM's limits, under the names of vLLM's flags.

    Args:
        max_num_seqs: sequences that run at once.
        num_blocks: KV blocks. vLLM reserves one of its ``num_gpu_blocks``, which does not count.
        block_size: tokens in one KV block.
        max_num_batched_tokens: token budget of one step; the budget cuts long prompts into chunks.
        max_model_len: longest context in tokens.
        scheduling_policy: order of the engine's own queue.
        watermark: share of the blocks (0 to 1) that an admission leaves free.

    Raises:
        ValueError: a limit is below 1, the watermark is not a share, or the policy is unknown.
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
        """The number of blocks that hold the KV of so many tokens."""
        return -(-tokens // self.block_size)

    def check_fits(self, prompt_tokens: int, output_tokens: int) -> None:
        """Check that a request can run in this engine.

        Raises:
            ValueError: the request exceeds the context or the cache, or its sizes are invalid.
        """
        if prompt_tokens < 1 or output_tokens < 0:
            sizes = f"{prompt_tokens} and {output_tokens}"
            raise ValueError(f"need a prompt and no negative output, got {sizes} tokens")
        total = prompt_tokens + output_tokens
        if total > self.max_model_len:
            raise ValueError(f"{total} tokens exceed max_model_len {self.max_model_len}")
        # The last token is sampled and never attended to: its KV is never stored.
        needed = self.blocks_for(max(prompt_tokens, total - 1))
        if needed > self.num_blocks:
            raise ValueError(f"needs {needed} KV blocks, the cache has {self.num_blocks}")
