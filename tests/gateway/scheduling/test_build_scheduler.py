"""The scheduler that a configuration asks for."""

from __future__ import annotations

from gateway.config.settings import Config
from gateway.scheduling.build_scheduler import policy, tenant_bound
from scheduler.policy import LeastSlack


def test_the_order_by_objective_takes_the_objective() -> None:
    config = Config.model_validate({"scheduling": {"policy": "slo"}, "slo": {"ttft_s": 2}})
    assert policy(config) == LeastSlack(ttft=2.0, tpot=0.2)


def test_a_tenant_may_fill_half_the_queue_unless_the_configuration_says_otherwise() -> None:
    def bound(**tenants: object) -> int | None:
        sections = {"tenants": tenants, "queue": {"max_waiting": 7}}
        return tenant_bound(Config.model_validate(sections))

    assert bound() is None
    assert bound(fair=True) == 3
    assert bound(fair=True, max_waiting=5) == 5
