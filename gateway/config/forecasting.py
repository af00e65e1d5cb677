"""Settings of the length forecasts: the sections ``predictor`` and ``learning``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from gateway.config.section import Section


class PredictorConfig(Section):
    """Where length forecasts come from."""

    enabled: bool = True
    """Use the predictor. Off: every forecast is the distribution of its model's recent lengths."""
    path: Path | None = None
    """Directory made by `lengthwise train`. Unset: the predictor that ships. The gateway takes up a
    new model in this place without a restart."""
    refine: bool = True
    """Give waiting requests a better forecast from the text encoder. Needs a predictor with an
    encoder and its libraries (`pip install '.[refined]'`)."""
    budget_ms: float = Field(default=200.0, gt=0, le=10_000)
    """Milliseconds that a request waits for its forecast. Then the gateway uses its model's recent
    lengths."""
    refine_budget_ms: float = Field(default=5000.0, gt=0, le=600_000)
    """Milliseconds that the better forecast of a waiting request may take. Then the request keeps
    its first forecast."""
    reload_s: float = Field(default=5.0, ge=0.05, le=3600)
    """Seconds between two checks for a new model."""


class Learning(Section):
    """The records that the gateway keeps of its traffic, and the predictor's refits to them."""

    folder: Path | None = None
    """Folder for the served log (one record for each finished request), the state of the adaptive
    layer and refitted models. Unset: nothing is written, and a restart loses what was learned."""
    max_bytes: int = Field(default=256 * 2**20, ge=2**20)
    """Size limit of the served log in bytes. The oldest records are deleted first."""
    keep_text: bool = False
    """Write prompts' texts (each last user message) into the served log, so that `lengthwise train`
    and refits can learn from their words."""
    refit_s: float = Field(default=0.0, ge=0, le=2_592_000)
    """Seconds between two refits of the predictor to the served log, each in its own process. The
    gateway uses a refit only if it forecast later traffic better. 0: no refits. Needs `folder`."""

    @model_validator(mode="after")
    def _refits_have_a_log(self) -> Learning:
        if self.refit_s and self.folder is None:
            raise ValueError(f"refit_s is {self.refit_s:g} and folder unset: set learning.folder")
        return self
