"""Replies of a length that the client names, for a real vLLM with a random model.

Start vLLM with this folder on PYTHONPATH and `--logits-processors forced_length:ForcedLength`;
a request that carries `"vllm_xargs": {"target_tokens": 137}` is then answered by exactly 137
output tokens, the end-of-sequence token included, and `finish_reason: "stop"` (unless
`max_tokens`, the context window or a stop string of the request end it first). Unlike
`max_tokens` with `ignore_eos`, the length stays invisible to a gateway in between.
"""

# mypy: disable-error-code="import-not-found, misc"
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from vllm.sampling_params import SamplingParams
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

FORBIDDEN = float("-inf")


class ForcedLength(AdapterLogitsProcessor):
    """Ends each reply after `extra_args["target_tokens"]` tokens, where that is given.

    The base class keeps one callable per row of the batch and follows vLLM's updates of the
    batch (added, removed, moved, swapped). It passes the callable the request's own list of
    output tokens, whose length is right even after a preemption: a preempted request returns
    as an added one with the tokens that it already has.
    """

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuses targets that are not positive integers (the server answers 400)."""
        target = (sampling_params.extra_args or {}).get("target_tokens")
        if target is not None and (type(target) is not int or target < 1):
            raise ValueError(f"target_tokens must be a positive integer, got {target!r}")

    def is_argmax_invariant(self) -> bool:
        """Says that greedy sampling is affected."""
        return False

    def new_req_logits_processor(
        self, params: SamplingParams
    ) -> Callable[[list[int], torch.Tensor], torch.Tensor] | None:
        """Returns the callable of a new request, or None if it names no length."""
        target = (params.extra_args or {}).get("target_tokens")
        if target is None:
            return None
        return partial(force_length, target, params.eos_token_id, sorted(params.all_stop_token_ids))


def force_length(
    target: int, end: int, ends: list[int], output: list[int], logits: Any
) -> torch.Tensor:
    """Forbids every ending before the last token of the target, and all else for the last."""
    if len(output) + 1 < target:
        logits[ends] = FORBIDDEN
    else:
        logits.fill_(FORBIDDEN)
        logits[end] = 0.0
    return logits
