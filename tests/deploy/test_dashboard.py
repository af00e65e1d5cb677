"""Under load every query of the dashboard has a value, and the values match the clients' counts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from predictor import ArtefactError, LengthPredictor, Prompt
from predictor.inference.tiered import TieredPredictor
from predictor.raw_forecast import RawForecasts
from scheduler.sim.engine_config import EngineConfig
from tests.conftest import missing
from tests.deploy.dashboard_file import annotation_expressions, expressions, variables
from tests.deploy.load import Client
from tests.deploy.prometheus import Prometheus, prometheus
from tests.gateway.harness import gateway

pytestmark = pytest.mark.prometheus

DEADLINE_S = 60.0
QUERIES_AT_ONCE = 12
"""Queries sent together. Each has a thread, and many threads hold up the gateway's event loop."""

NOT_DUE = re.compile("lengthwise_(saved_|shadow_error_ratio|process_(up|restarts))")
"""Queries for figures that need minutes of traffic, or several fronts (tests/gateway/fronts)."""

PATIENT = {"budget_ms": 5000, "refine_budget_ms": 5000}

WORKER = EmulatorConfig(
    engine=EngineConfig(max_num_seqs=4, scheduling_policy="priority"),
    speed=10,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """A gateway after its load, as Prometheus and the clients saw it."""

    client: Client
    prometheus: Prometheus
    unanswered: list[str]
    """Queries without a finite value until the end of the load."""


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A gateway with two workers under load; Prometheus keeps running after the gateway ends."""
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
    settings: dict[str, Any] = {
        "queue": {"max_waiting": 20},
        "usage": {"file": str(folder / "usage.sqlite")},
        "predictor": PATIENT,
        "learning": {"folder": str(_refitted(folder / "learned"))},
        "shadow": {"enabled": "on"},
    }
    running = await stack.enter_async_context(gateway(*workers, tiered=_predictor(), **settings))
    watcher = stack.enter_context(prometheus(folder, running.url, workers))
    await _until(lambda: watcher.query("sum(up) == 3") != {}, "all targets are scraped")
    client = Client(await stack.enter_async_context(running.openai()))
    unanswered = [query for query in expressions() if not NOT_DUE.search(query)]
    await client.burst()
    async with client.load():
        deadline = monotonic() + DEADLINE_S
        while (unanswered or not client.saw_enough) and monotonic() < deadline:
            finite: list[bool] = []
            for some in _groups(unanswered, QUERIES_AT_ONCE):
                checks = [asyncio.to_thread(watcher.has_numbers, query) for query in some]
                finite += await asyncio.gather(*checks)
            unanswered = [query for query, ok in zip(unanswered, finite, strict=True) if not ok]
    await running.until_idle()
    total = sum(client.outcomes.values())
    all_counted = f"sum(lengthwise_requests_total) == {total}"
    await _until(lambda: watcher.query(all_counted) != {}, f"Prometheus has seen {total} requests")
    return Observed(client, watcher, unanswered)


def _refitted(folder: Path) -> Path:
    """A folder of an earlier run, whose last refit has kept the model."""
    event = {"when": "2026-11-30T10:00:00+00:00", "action": "keep", "version": "", "who": "refit"}
    (folder / "models").mkdir(parents=True)
    history = folder / "models" / "history.jsonl"
    history.write_text(json.dumps({**event, "reason": "no better"}) + "\n", encoding="utf-8")
    return folder


class _SameForecasts:
    """A refined tier that returns the fast forecast; its panels show the calls."""

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        del prompts
        return fast


def _predictor() -> TieredPredictor:
    try:
        return TieredPredictor(LengthPredictor.load(), _SameForecasts())
    except ArtefactError as error:
        missing(f"the predictor that ships ({error})", "lengthwise train")


def _groups(queries: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The queries in groups of ``size``."""
    return (queries[start : start + size] for start in range(0, len(queries), size))


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = monotonic() + DEADLINE_S
    while not await asyncio.to_thread(condition):
        assert monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.05)


def test_every_panel_has_values_under_load(observed: Observed) -> None:
    assert observed.unanswered == []


def test_the_load_has_every_outcome(observed: Observed) -> None:
    outcomes = observed.client.outcomes
    assert set(outcomes) == {"ok", "client_gone", "model_not_found", "queue_full"}, outcomes
    assert observed.client.saw_enough, outcomes


def test_requests_by_outcome_match_the_clients_counts(observed: Observed) -> None:
    seen = observed.prometheus.by("outcome", "sum by (outcome) (lengthwise_requests_total)")
    assert seen == dict(observed.client.outcomes)


@pytest.mark.parametrize("name", ["prompt_tokens", "generation_tokens"])
def test_tokens_match_the_clients_counts(observed: Observed, name: str) -> None:
    (seen,) = observed.prometheus.query(f"sum(lengthwise_{name}_total)").values()
    assert seen == getattr(observed.client, name)


def test_every_answer_counts_once_in_the_latency_and_slo_metrics(observed: Observed) -> None:
    for name in ("e2e_seconds_count", "normalised_latency_seconds_count", "slo_requests_total"):
        (seen,) = observed.prometheus.query(f"sum(lengthwise_{name})").values()
        assert seen == observed.client.outcomes["ok"], name


def test_after_the_load_no_request_is_left(observed: Observed) -> None:
    for name in ("requests_in_flight", "queue_length", "worker_in_flight_sequences"):
        (seen,) = observed.prometheus.query(f"sum(lengthwise_{name})").values()
        assert seen == 0, name


def test_the_variables_list_the_model_and_the_workers(observed: Observed) -> None:
    offered = {
        name: observed.prometheus.get(f"label/{label}/values", **{"match[]": metric})
        for name, metric, label in variables()
    }
    assert offered["model"] == ["emulated"]
    assert len(offered["worker"]) == 2
    assert set(offered["outcome"]) == set(observed.client.outcomes)
    assert all(offered.values()), offered


def test_the_alert_rules_evaluate(observed: Observed) -> None:
    for query in annotation_expressions():
        observed.prometheus.query(query)

    def rules() -> list[dict[str, str]]:
        groups = observed.prometheus.get("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    deadline = monotonic() + DEADLINE_S
    while any(rule["health"] == "unknown" for rule in rules()):
        assert monotonic() < deadline, "rules are not evaluated"
    assert {
        rule["name"]: rule.get("lastError", "") for rule in rules() if rule["health"] != "ok"
    } == {}
