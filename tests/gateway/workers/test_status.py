"""What ``GET /ready`` and ``/metrics`` show of a worker: one status feeds both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from prometheus_client.core import CollectorRegistry
from prometheus_client.exposition import generate_latest

from gateway.clients.body_bytes import BodyBytes
from gateway.clients.connections import Connections
from gateway.config.settings import Config
from gateway.forecasting.learned_state import LearnedState
from gateway.live_metrics import LiveMetrics
from gateway.metrics import Metrics
from gateway.scheduling.build_scheduler import make_scheduler
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.tenants import Tenancy
from gateway.supervisor import Supervisor
from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import LearnedSlots
from gateway.workers.fleet import Fleet
from gateway.workers.status import worker_statuses
from predictor.adaptive import AdaptiveLayer
from scheduler.job import Job
from scheduler.length import LengthDistribution
from tests.gateway.in_process import scheduler_of

BUSY, UNKNOWN = "http://busy", "http://unknown"


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """A worker with a request, and one that has not answered a probe yet."""
    workers = [{"url": BUSY, "kv_tokens": 1000, "draining": True}, {"url": UNKNOWN}]
    config = Config.model_validate({"workers": workers})
    fleet = Fleet(config, Dispatcher(make_scheduler(config)), Supervisor(Metrics(config.slo)))
    fleet.set_members(config.workers)
    busy = fleet[BUSY]
    busy.healthy, busy.slots = True, LearnedSlots(value=8, reported=True)
    busy.backend.models = {"m": {}}
    busy.backend.report = EngineReport(running=1, waiting=0, kv_usage=0.25, preemptions=3)
    yield fleet
    await fleet.close()


@pytest.fixture
def dispatcher(fleet: Fleet) -> Dispatcher:
    dispatcher = fleet._dispatcher
    scheduler, busy = scheduler_of(dispatcher), fleet[BUSY]
    spec = busy.spec(Config().scheduling)
    scheduler.set_worker(spec, healthy=True)
    job = Job("j", "m", 0.0, prompt_tokens=10, length=LengthDistribution.point(100), sequences=2)
    scheduler.workers[BUSY].add(job)
    return dispatcher


def test_ready_lists_what_is_known_of_each_worker(fleet: Fleet, dispatcher: Dispatcher) -> None:
    busy, unknown = worker_statuses(fleet, dispatcher.scheduler)
    assert list(busy.as_json().items()) == [
        ("url", BUSY),
        ("healthy", True),
        ("draining", True),
        ("cooling", False),
        ("on_trial", False),
        ("ejected", None),
        ("probed_s_ago", None),
        ("problem", None),
        ("models", ["m"]),
        ("in_flight", 1),
        ("expected_work", 200),
        ("kv_peak", 217),
        ("kv_capacity", 1000),
        ("running", 1),
        ("waiting", 0),
        ("kv_usage", 0.25),
    ]
    nothing = dict.fromkeys(("in_flight", "expected_work", "kv_peak"), 0)
    nobody_knows = dict.fromkeys(("kv_capacity", "running", "waiting", "kv_usage"))
    state: dict[str, object] = {"url": UNKNOWN, "problem": None, "models": []}
    state["probed_s_ago"] = state["ejected"] = None
    idle = dict.fromkeys(("healthy", "draining", "cooling", "on_trial"), False)
    assert unknown.as_json() == state | idle | nothing | nobody_knows


def test_metrics_show_the_same_and_leave_out_what_is_not_known(
    fleet: Fleet, dispatcher: Dispatcher
) -> None:
    registry = CollectorRegistry()
    metrics, tenancy = Metrics(Config().slo), Tenancy(Config().tenants, b"")
    learned = LearnedState(AdaptiveLayer())
    registry.register(
        LiveMetrics(
            dispatcher,
            fleet,
            tenancy,
            Connections(Config().listen),
            BodyBytes(4096, lambda: 1),
            metrics=metrics,
            supervisor=Supervisor(metrics),
            learned=learned,
        )
    )
    lines = generate_latest(registry).decode().splitlines()
    shown = [line for line in lines if line.startswith(("lengthwise_worker", "lengthwise_healthy"))]
    label, other = f'{{worker="{BUSY}"}}', f'{{worker="{UNKNOWN}"}}'
    assert shown == [
        "lengthwise_healthy_workers 1.0",
        f"lengthwise_worker_up{label} 1.0",
        f"lengthwise_worker_up{other} 0.0",
        f"lengthwise_worker_draining{label} 1.0",
        f"lengthwise_worker_draining{other} 0.0",
        f"lengthwise_worker_cooling{label} 0.0",
        f"lengthwise_worker_cooling{other} 0.0",
        f"lengthwise_worker_slots{label} 8.0",
        f"lengthwise_worker_in_flight_sequences{label} 2.0",
        f"lengthwise_worker_expected_tokens{label} 200.0",
        f"lengthwise_worker_kv_peak_tokens{label} 217.0",
        f"lengthwise_worker_kv_cache_capacity_tokens{label} 1000.0",
        f"lengthwise_worker_kv_used_tokens{label} 25.0",
        f"lengthwise_worker_kv_forecast_error_ratio{label} 0.0",
        f"lengthwise_worker_kv_forecast_spread_ratio{label} 0.109",
        f"lengthwise_worker_kv_forecast_trust_ratio{label} 1.0",
        f"lengthwise_worker_kv_cache_usage_ratio{label} 0.25",
        f"lengthwise_worker_running_sequences{label} 1.0",
        f"lengthwise_worker_waiting_sequences{label} 0.0",
        f"lengthwise_worker_preemptions_total{label} 3.0",
    ]


def test_a_worker_without_work_has_gauges_of_zero(fleet: Fleet, dispatcher: Dispatcher) -> None:
    scheduler_of(dispatcher).workers[BUSY].remove("j")
    busy, _ = worker_statuses(fleet, dispatcher.scheduler)
    assert (busy.requests, busy.sequences, busy.slots, busy.expected_tokens) == (0, 0, 8, 0.0)
