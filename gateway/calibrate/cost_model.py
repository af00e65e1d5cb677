"""The cost model file: what `lengthwise calibrate` writes, scheduler and simulator read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scheduler.sim.costs import StepCosts

Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
REMEDY = "Write the file anew: lengthwise calibrate --worker URL --out {path}"


class CostModelError(ValueError):
    """The file cannot be used; the message names file, field, value and remedy."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Costs(_Part):
    """Seconds of an engine step, see ``scheduler.sim.costs.StepCosts``."""

    base: Seconds
    per_sequence: Seconds
    per_kv_token: Seconds
    per_prefill_token: Seconds
    per_request: Seconds = 0.0


class Point(_Part):
    """One thing that was measured: the median over its repeats, and what the fit makes of it."""

    kind: Literal["prefill", "decode", "turnover"]
    sequences: int = Field(ge=1)
    """Streams at a time."""
    context: float = Field(ge=0)
    """Tokens in the KV cache of each, half-way through the measurement."""
    seconds: Seconds
    """Of a step (decode), to the first token (prefill), or of a step while others enter and leave
    (turnover)."""
    fitted: Seconds
    repeats: int = Field(ge=1)


class Fit(_Part):
    """How well the costs describe the points: relative errors."""

    median_error: float = Field(ge=0)
    worst_error: float = Field(ge=0)
    request_latency: Seconds
    """Seconds an idle server takes to answer beside its engine steps: part of no step."""


class Limits(_Part):
    """What the server said of itself, or showed. None: it did not."""

    max_model_len: int | None = Field(default=None, ge=1)
    kv_tokens: int | None = Field(default=None, ge=1)
    max_num_seqs: int | None = Field(default=None, ge=1)
    """The sequences it ran at once when it was sent more."""


class CostModel(_Part):
    """What a step of one worker's engine costs, and how that was found."""

    format: Literal[1] = 1
    worker: str
    model: str
    measured_at: str
    """ISO 8601, UTC."""
    vllm_version: str
    costs: Costs
    limits: Limits
    fit: Fit
    points: tuple[Point, ...]

    @property
    def step_costs(self) -> StepCosts:
        """The costs as the scheduler and the simulator take them."""
        return StepCosts(**self.costs.model_dump())

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(self.model_dump(), indent=1) + "\n", encoding="utf-8")
        part.replace(path)


def load_cost_model(path: Path) -> CostModel:
    """Read a cost model file.

    Raises:
        CostModelError: unreadable, not JSON, an unknown or missing field, a value out of bounds.
    """
    remedy = REMEDY.format(path=path)
    try:
        return CostModel.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise CostModelError(f"{path}: cannot be read: {error.strerror}. {remedy}") from None
    except ValidationError as error:
        lines = [f"{path}: {_explain(fault)}" for fault in error.errors()]
        raise CostModelError("\n".join([*lines, remedy])) from None
    except ValueError as error:
        raise CostModelError(f"{path}: not JSON: {error}. {remedy}") from None


def _explain(fault: Any) -> str:
    field = ".".join(map(str, fault["loc"])) or "the file"
    if fault["type"] == "missing":
        return f"{field}: is missing."
    if fault["type"] == "extra_forbidden":
        return f"{field}: is not known to this version."
    shown = repr(fault["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return f"{field}: {fault['msg'][0].lower()}{fault['msg'][1:]} (got {shown})."
