"""StepCosts: the duration of an engine step."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass


@dataclass(frozen=True, slots=True)
class StepCosts:
    """The duration of one engine step, in seconds for each part of its work.

    The defaults describe an 8B model in bf16 on a GPU of 1.5 TB/s and 300 TFLOP/s (an A100-40): a
    step reads 16 GB of weights (10 ms, and 2 ms of launch and sampling), a KV token is 128 KiB
    (32 layers x 8 heads x 128 x 2 x 2 bytes), and a prefill token is 16 GFLOP at half the peak.

    Args:
        base: for any step.
        per_sequence: for each sequence in the batch.
        per_kv_token: for each token of context.
        per_prefill_token: for each prefill token.
        per_request: once for each request, in its first step, for parsing, tokenizing and building
            its state. 0 if the HTTP server has a CPU core of its own, milliseconds if it shares the
            engine's core.

    Raises:
        ValueError: a cost is negative.
    """

    base: float = 0.012
    per_sequence: float = 30e-6
    per_kv_token: float = 85e-9
    per_prefill_token: float = 100e-6
    per_request: float = 0.0

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0:
            raise ValueError(f"costs must not be negative, got {self}")

    def scaled(self, factor: float) -> StepCosts:
        """The costs of an engine whose steps take ``factor`` times as long."""
        return StepCosts(**{name: factor * cost for name, cost in asdict(self).items()})

    def seconds(
        self, sequences: int, kv_tokens: int, prefill_tokens: int, entered: int = 0
    ) -> float:
        """The duration of a step in seconds; 0 for an empty batch.

        Args:
            sequences: sequences in the batch.
            kv_tokens: their context, in tokens.
            prefill_tokens: computed tokens beyond one for each emitting sequence.
            entered: sequences in their first step.
        """
        if not sequences:
            return 0.0
        return (
            self.base
            + self.per_sequence * sequences
            + self.per_kv_token * kv_tokens
            + self.per_prefill_token * prefill_tokens
            + self.per_request * entered
        )
