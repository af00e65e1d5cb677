"""What of the shadow's replay does not fit what happened, and what to do, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def why_off(saved: Mapping[str, Any]) -> str:
    """Which figure is too far off, and what to check; what an older gateway tells says less."""
    beyond, errors = saved.get("beyond") or (), saved.get("error_ratio") or {}
    if off := [name for name in beyond if name in errors]:
        worst = max(off, key=lambda name: abs(errors[name]))
        return (
            f"the replay does not fit what happened, {worst} is off by "
            f"{100 * errors[worst]:+.0f} %; check max_num_seqs and kv_tokens of the workers"
        )
    if "cost_factor" in beyond:
        return (
            "the replay fits what happened only with engine steps "
            f"{saved['cost_factor']:.2f} times as long as measured (cost_factor); check "
            "max_num_seqs of the workers, and that all their requests come through this gateway"
        )
    return "the replay does not fit what happened"
