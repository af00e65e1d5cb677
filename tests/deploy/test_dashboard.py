"""Every query of the dashboard has an answer under load, and the numbers are the clients' own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from predictor import ArtefactError, LengthPredictor, Prompt
from predictor.inference.tiered import TieredPredictor
from predictor.raw_forecast import RawForecasts
from scheduler.sim.engine_config import EngineConfig
from tests.conftest import missing
from tests.deploy.dashboard_file import alert_marks, expressions, variables
from tests.deploy.load import Client
from tests.deploy.prometheus import Prometheus, prometheus
from tests.gateway.harness import gateway

pytestmark = pytest.mark.prometheus

DEADLINE_S = 20.0
PATIENT = {"budget_ms": 5000, "refine_budget_ms": 5000}

WORKER = EmulatorConfig(
    engine=EngineConfig(max_num_seqs=4, scheduling_policy="priority"),
    speed=10,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a loaded gateway."""

    client: Client
    prometheus: Prometheus
    unanswered: list[str]
    """Queries that had no number, or not a finite one, to the end of the load."""


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A gateway with two workers under load. Prometheus stays, also after the gateway has gone."""
    folder = tmp_path_factory.mktemp("prometheus")
    with EmbeddedEmulator(WORKER) as one, EmbeddedEmulator(WORKER) as two:
        runner = asyncio.Runner()
        stack = AsyncExitStack()
        try:
            yield runner.run(_observe(stack, folder, [one.url, two.url]))
        finally:
            runner.run(stack.aclose())
            runner.close()


async def _observe(stack: AsyncExitStack, folder: Path, workers: list[str]) -> Observed:
    running = await stack.enter_async_context(
        gateway(*workers, tiered=_predictor(), queue={"max_waiting": 20}, predictor=PATIENT)
    )
    watcher = stack.enter_context(prometheus(folder, running.url, workers))
    await _until(lambda: watcher.query("sum(up) == 3") != {}, "all targets are scraped")
    client = Client(await stack.enter_async_context(running.openai()))
    unanswered = expressions()
    await client.burst()
    async with client.load():
        deadline = monotonic() + DEADLINE_S
        while (unanswered or not client.saw_enough) and monotonic() < deadline:
            asked = [asyncio.to_thread(watcher.has_numbers, query) for query in unanswered]
            answered = await asyncio.gather(*asked)
            unanswered = [q for q, good in zip(unanswered, answered, strict=True) if not good]
    await running.until_idle()
    total = sum(client.outcomes.values())
    seen = f"sum(lengthwise_requests_total) == {total}"
    await _until(lambda: watcher.query(seen) != {}, f"Prometheus has seen {total} requests")
    return Observed(client, watcher, unanswered)


class _Agreeing:
    """A refined tier that finds nothing to better: its panels show that it was asked."""

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        del prompts
        return fast


def _predictor() -> TieredPredictor:
    try:
        return TieredPredictor(LengthPredictor.load(), _Agreeing())
    except ArtefactError as error:
        missing(f"the predictor that ships ({error})", "lengthwise train")


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = monotonic() + DEADLINE_S
    while not await asyncio.to_thread(condition):
        assert monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.05)


def test_every_panel_has_numbers_under_load(observed: Observed) -> None:
    assert observed.unanswered == []


def test_the_load_was_of_every_kind(observed: Observed) -> None:
    outcomes = observed.client.outcomes
    assert set(outcomes) == {"ok", "client_gone", "model_not_found", "queue_full"}, outcomes
    assert observed.client.saw_enough, outcomes


def test_requests_by_outcome_are_those_the_clients_counted(observed: Observed) -> None:
    seen = observed.prometheus.by("outcome", "sum by (outcome) (lengthwise_requests_total)")
    assert seen == dict(observed.client.outcomes)


@pytest.mark.parametrize("name", ["prompt_tokens", "generation_tokens"])
def test_tokens_are_those_the_clients_counted(observed: Observed, name: str) -> None:
    (seen,) = observed.prometheus.query(f"sum(lengthwise_{name}_total)").values()
    assert seen == getattr(observed.client, name)


def test_every_answer_is_in_the_latency_and_slo_metrics_once(observed: Observed) -> None:
    for name in ("e2e_seconds_count", "normalised_latency_seconds_count", "slo_requests_total"):
        (seen,) = observed.prometheus.query(f"sum(lengthwise_{name})").values()
        assert seen == observed.client.outcomes["ok"], name


def test_at_rest_nothing_is_left_in_flight(observed: Observed) -> None:
    for name in ("requests_in_flight", "queue_length", "worker_in_flight_sequences"):
        (seen,) = observed.prometheus.query(f"sum(lengthwise_{name})").values()
        assert seen == 0, name


def test_the_variables_offer_the_model_and_the_workers(observed: Observed) -> None:
    offered = {
        name: observed.prometheus.get(f"label/{label}/values", **{"match[]": metric})
        for name, metric, label in variables()
    }
    assert offered["model"] == ["emulated"]
    assert len(offered["worker"]) == 2


def test_the_alert_rules_evaluate(observed: Observed) -> None:
    for mark in alert_marks():
        observed.prometheus.query(mark)

    def rules() -> list[dict[str, str]]:
        groups = observed.prometheus.get("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    deadline = monotonic() + DEADLINE_S
    while any(rule["health"] == "unknown" for rule in rules()):
        assert monotonic() < deadline, "rules are not evaluated"
    assert {
        rule["name"]: rule.get("lastError", "") for rule in rules() if rule["health"] != "ok"
    } == {}
