"""StepCosts: what a step of an engine costs in seconds, for the scheduler and the simulator."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass


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
    per_request: float = 0.0
    """Once for each request that enters: parsing, tokenizing, building its state. Nothing where
    the HTTP server has a core of its own; milliseconds where it shares the engine's."""

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0:
            raise ValueError(f"costs must not be negative, got {self}")

    def scaled(self, factor: float) -> StepCosts:
        """The costs of an engine that takes ``factor`` times as long for everything."""
        return StepCosts(**{name: factor * cost for name, cost in asdict(self).items()})

    def price(self, batch: int, kv_tokens: int, prefill_tokens: int, entered: int = 0) -> float:
        """Seconds of a step of ``batch`` sequences over ``kv_tokens`` of context; 0 if empty.

        ``entered`` of the sequences have their first step.
        """
        if not batch:
            return 0.0
        return (
            self.base
            + self.per_sequence * batch
            + self.per_kv_token * kv_tokens
            + self.per_prefill_token * prefill_tokens
            + self.per_request * entered
        )
