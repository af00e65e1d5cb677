"""The cost model file: written by ``lengthwise calibrate``, read by the simulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from predictor.files import write_atomically
from scheduler.sim.costs import StepCosts

Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
PointKind = Literal["prefill", "decode", "turnover"]
"""prefill: one prompt on the idle server. decode: a fixed number of streams. turnover: streams
while short requests enter and leave."""

REMEDY = "Write the file again: lengthwise calibrate --worker URL --out {path}"


class CostModelError(ValueError):
    """The file cannot be used; the message names file, field, value and remedy."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Costs(_Part):
    """The parts of a step's duration in seconds, as in ``scheduler.sim.costs.StepCosts``."""

    base: Seconds
    per_sequence: Seconds
    per_kv_token: Seconds
    per_prefill_token: Seconds
    per_request: Seconds = 0.0


class FittedPoint(_Part):
    """One measured point: the medians over its repeats, and the seconds that the costs predict."""

    kind: PointKind
    sequences: int = Field(ge=1)
    """Streams at a time."""
    context: float = Field(ge=0)
    """Tokens per stream in the KV cache, half-way through the measurement."""
    seconds: Seconds
    """prefill: time to the first token. decode and turnover: time of a step."""
    fitted: Seconds
    """The same time by the fitted costs."""
    repeats: int = Field(ge=1)


class FitErrors(_Part):
    """Relative errors of the costs over the points, and the latency outside engine steps."""

    median_error: float = Field(ge=0)
    worst_error: float = Field(ge=0)
    request_latency: Seconds
    """Seconds that an idle server takes for a request in addition to its engine steps."""


class Limits(_Part):
    """Limits that the server reports or has shown; None if unknown."""

    max_model_len: int | None = Field(default=None, ge=1)
    kv_tokens: int | None = Field(default=None, ge=1)
    max_num_seqs: int | None = Field(default=None, ge=1)
    """Sequences that the server ran at once when more were sent."""


class CostModel(_Part):
    """Seconds per step of one worker's engine, with the measurements behind them."""

    format: Literal[1] = 1
    worker: str
    model: str
    measured_at: str
    """ISO 8601, UTC."""
    vllm_version: str
    costs: Costs
    limits: Limits
    fit: FitErrors
    points: tuple[FittedPoint, ...]

    @property
    def step_costs(self) -> StepCosts:
        """The costs in the form that the simulator takes."""
        return StepCosts(**self.costs.model_dump())

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        write_atomically(path, (json.dumps(self.model_dump(), indent=1) + "\n").encode())


def load_cost_model(path: Path) -> CostModel:
    """Read a cost model file.

    Raises:
        CostModelError: the file cannot be read, is not JSON, has an unknown field, misses a field,
            or has a value out of bounds.
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
        return f"{field}: is unknown to this version of lengthwise."
    value = repr(fault["input"])
    value = value if len(value) <= 60 else f"{value[:57]}..."
    return f"{field}: {fault['msg'][0].lower()}{fault['msg'][1:]} (got {value})."
