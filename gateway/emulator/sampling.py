"""Sampling parameters: they make no difference to made-up words, but wrong ones are refused."""

from __future__ import annotations

import math

from pydantic import BaseModel

from gateway.emulator.errors import VllmError


class SamplingFields(BaseModel):
    """The sampling parameters of a request, besides its temperature."""

    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None

    def check_sampling(self) -> None:
        """Refuse values that vLLM refuses (``SamplingParams._verify_args``).

        As in vLLM, ``param`` names only ``top_p``; the message always names the field.

        Raises:
            VllmError: 400.
        """
        for name in ("presence_penalty", "frequency_penalty"):
            _check(name, getattr(self, name), "must be in [-2, 2]", -2, 2)
        _check(
            "repetition_penalty", self.repetition_penalty, "must be greater than zero", math.ulp(0)
        )
        if self.top_p is not None and not 0 < self.top_p <= 1:
            message = f"top_p must be in (0, 1], got {self.top_p}."
            raise VllmError(message, param="top_p", value=self.top_p)
        _check("top_k", self.top_k, "must be 0 (disable), or at least 1", -1)
        _check("min_p", self.min_p, "must be in [0, 1]", 0, 1)


def _check(
    name: str, value: float | None, demand: str, least: float, most: float = math.inf
) -> None:
    fits = value is None or (least <= value <= most and math.isfinite(value))
    if not fits:
        raise VllmError(f"{name} {demand}, got {value}.")
