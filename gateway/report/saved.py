"""What the policy saved: the log's requests replayed under other policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.calibrate.cost_model import CostModel, Limits
from gateway.config.settings import Config
from gateway.replay.judge import NoFiguresError, equipped, figures
from gateway.replay.pools import Pool, UnlikeWorkersError
from gateway.replay.replay import Replayed, replay
from gateway.report.limits import workers_of
from gateway.report.served import Served
from gateway.report.stretches import Stretches, stretches
from gateway.shadow.setup import policy_of


@dataclass(slots=True)
class Case:
    """What is replayed, and on which engines; ``replayed`` is None where there are no figures."""

    setup: dict[str, Any]
    stretches: Stretches
    pools: list[Pool] = field(default_factory=list)
    replayed: Replayed | None = None


def replay_log(
    served: Served, config: Config, costs: CostModel | None, most: int
) -> tuple[dict[str, Any], Case]:
    """The figures on what was saved, and what further replays need.

    ``state`` of the figures is one of the shadow's: ``ok``, or why there are none.
    """
    setup: dict[str, Any] = {**policy_of(config), "tolerance": config.shadow.tolerance}
    setup["costs"] = None if costs is None else costs.step_costs
    case = Case(setup, stretches(served, most))
    about: dict[str, Any] = {
        "policy": setup["policy"],
        "replayed": case.stretches.requests,
        "left_out": case.stretches.left_out,
        "costs_from": "log" if costs is None else "cost model",
        "workers": [],
    }
    limits = Limits() if costs is None else costs.limits
    try:
        workers = workers_of(served, config.workers, limits, setup["engine_queue"])
        setup["workers"] = [worker.limits for worker in workers]
        setup["slots_known"] = all(worker.slots_known for worker in workers)
        about["workers"] = [
            {
                "name": worker.limits.id,
                "slots": worker.limits.slots,
                "slots_known": worker.slots_known,
                "kv_tokens": worker.limits.kv_tokens,
            }
            for worker in workers
        ]
        case.pools = equipped(case.stretches.window, setup, setup["costs"])
    except (NoFiguresError, UnlikeWorkersError) as error:
        state = error.state if isinstance(error, NoFiguresError) else "unlike_workers"
        return about | {"state": state, "measured": sum(case.stretches.window.measured)}, case
    case.replayed = replay(case.stretches.window, case.pools, setup)
    return about | _renamed(figures(case.replayed, setup["tolerance"])), case


def _renamed(page: Mapping[str, Any]) -> dict[str, Any]:
    return {("measured" if name == "requests" else name): value for name, value in page.items()}
