"""Candidates: settings that the simulator can try in place of the present ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.report.saved import Case
from scheduler.sim.arms import Arm

POLICIES = (*("sejf", "fcfs", "sept", "gittins", "kv_volume", "tail_aware", "boost", "sjf_prompt"),)
"""Policies that are tried. slo goes by deadlines, which a served log does not have."""

LEVELS = (0.3, 0.5, 0.85, 1.5, 3.0)
AGEINGS = (0.0, 0.03, 0.1, 0.3)
OVERFLOWS = (0.01, 0.05, 0.2)
ENGINE_QUEUES = (0, 2, 8)
SEQUENCES = (0.5, 0.75, 1.5, 2.0)
"""Factors of ``max_num_seqs``, an engine's own setting."""

SETTINGS = {
    "policy": "scheduling.policy",
    "level": "scheduling.level",
    "ageing": "scheduling.ageing",
    "overflow": "scheduling.kv_overflow",
    "engine_queue": "scheduling.engine_queue",
}
"""Name in the replay -> setting of the configuration."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Changed settings of the replay; ``sequences`` is a factor of every engine's sequences."""

    changes: Mapping[str, Any]
    sequences: float = 1.0

    @property
    def name(self) -> str:
        """The settings in the notation of lengthwise.yaml."""
        if self.sequences != 1.0:
            return f"max_num_seqs x {self.sequences:g}"
        return ", ".join(f"{SETTINGS[name]}: {value}" for name, value in self.changes.items())


def candidates(case: Case) -> Iterator[Candidate]:
    """One setting changed at a time, where it makes a difference to the replay."""
    setup = case.setup
    arm = Arm(setup["policy"]) if setup["policy"] != "slo" else Arm("fcfs")
    limited = any(worker.kv_tokens for worker in setup["workers"])
    tried: list[tuple[str, tuple[Any, ...]]] = [("policy", POLICIES)]
    if arm.levels:
        tried.append(("level", LEVELS))
    if arm.ages:
        tried.append(("ageing", AGEINGS))
    if limited:
        tried.append(("overflow", OVERFLOWS))
    tried.append(("engine_queue", ENGINE_QUEUES))
    for name, values in tried:
        yield from (Candidate({name: value}) for value in values if value != setup[name])
    if limited and setup["slots_known"]:
        yield from (Candidate({}, factor) for factor in SEQUENCES)
