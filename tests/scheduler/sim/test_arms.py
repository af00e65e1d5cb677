"""What each setting of an arm changes."""

from __future__ import annotations

import math

import pytest

from scheduler.actions import Dispatch
from scheduler.kv_forecast import deviations_for
from scheduler.length import LengthDistribution
from scheduler.scheduler import Scheduler
from scheduler.sim.arms import Arm, Server
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.worker_spec import WorkerSpec

SERVER = Server(EngineConfig(max_num_seqs=9, num_blocks=125, block_size=8))
MODELS = frozenset({""})


def request(output: int, prompt: int = 10, forecast: float | None = None) -> Request:
    length = LengthDistribution.point(forecast or output)
    return Request(prompt, output, length, tenant="t")


def scheduler_of(arm: Arm) -> Scheduler:
    scheduler = arm.scheduler([SERVER], MODELS)
    assert scheduler is not None
    return scheduler


def first_key(arm: Arm, sent: Request) -> float:
    """The key of the first request, without waiting."""
    (action,) = scheduler_of(arm).submit(arm.job("0", sent, now=0.0))
    assert isinstance(action, Dispatch)
    return action.key


def dispatched(arm: Arm, *requests: Request) -> int:
    """How many of the requests are dispatched at once."""
    scheduler = scheduler_of(arm)
    return sum(
        len(scheduler.submit(arm.job(str(n), sent, now=0.0))) for n, sent in enumerate(requests)
    )


def test_a_worker_has_the_limits_of_its_engine_and_the_settings_of_the_arm() -> None:
    arm = Arm("sejf", engine_queue=7, overflow=0.25)
    (worker,) = scheduler_of(arm).workers.values()
    assert worker.spec == WorkerSpec(
        id="0",
        models=MODELS,
        slots=9,
        kv_tokens=1000,
        engine_queue=7,
        kv_block=8,
        deviations=deviations_for(0.25),
    )


def test_without_the_kv_forecast_only_slots_limit_admission() -> None:
    (worker,) = scheduler_of(Arm("sejf", forecast_kv=False)).workers.values()
    assert worker.spec.kv_tokens is None


def test_the_level_cuts_the_key_and_the_oracle_has_no_level() -> None:
    assert first_key(Arm("sejf", level=0.5), request(100)) == pytest.approx(math.log(50))
    assert first_key(Arm("oracle"), request(100, forecast=7)) == pytest.approx(math.log(100))


def test_full_caution_of_0_keeps_a_burst_out_of_a_full_cache() -> None:
    burst = [request(100, prompt=440)] * 2
    assert dispatched(Arm("fcfs"), *burst) == 2
    assert dispatched(Arm("fcfs", full_caution=0.0), *burst) == 1


def test_tenants_count_only_if_the_arm_says_so() -> None:
    assert Arm("sejf", tenants=True).job("0", request(5), now=0.0).tenant == "t"
    assert Arm("sejf").job("0", request(5), now=0.0).tenant == ""


def test_engines_run_by_priority_unless_the_arm_is_stock() -> None:
    assert Arm("sejf", priority=True).server(SERVER).config.scheduling_policy == "priority"
    assert Arm("sejf").server(SERVER) is SERVER
    assert Arm("stock", priority=True).server(SERVER) is SERVER


def test_an_unknown_policy_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'lifo'.*stock, oracle, fcfs"):
        Arm("lifo")


def test_only_policies_that_use_the_ageing_rate_age() -> None:
    assert [Arm(name).ages for name in ("stock", "oracle", "fcfs", "sejf")] == [
        False,
        True,
        False,
        True,
    ]


def test_only_sejf_has_a_level() -> None:
    assert [name for name in ("stock", "oracle", "fcfs", "sept", "sejf") if Arm(name).levels] == [
        "sejf"
    ]
