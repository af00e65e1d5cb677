"""docker-compose.yml from start to filled dashboards, and a container that is replaced.

Docker is not needed: the services run as processes (``compose_run``). What Docker alone does, its
networks and images, is not tested here.
"""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.deploy.compose_run import Project
from tests.deploy.dashboard_file import expressions
from tests.deploy.load import MODEL, Client
from tests.deploy.prometheus import Prometheus, prometheus

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(300)]

PORTS = {"worker-1": 8000, "worker-2": 8000, "gateway": 8080}
NOT_DUE = re.compile(
    "lengthwise_(refit_last|usage|saved|shadow_error_ratio|refine_seconds|process_(up|restarts))"
)
"""Queries without a value in the first minutes: a refit and a saving take longer, accounts of usage
are kept where keys are, the refined tier forecasts where its budget of time allows, and one process
has no fronts."""

LOAD_S = 90.0
REPEATS = 40
SHORT = 7
"""Tokens of the answers to the question that is asked again and again."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The services of ``docker compose up`` that are ours."""
    made = Project(tmp_path_factory.mktemp("compose"), PORTS)
    with made.running(*PORTS):
        yield made


@pytest.fixture(scope="module")
def unanswered(project: Project, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The queries of all panels that have no value under the load of ordinary clients."""
    workers = [project.services[name].url for name in ("worker-1", "worker-2")]
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus(folder, project.services["gateway"].url, workers) as watcher:
        return asyncio.run(_loaded(project.services["gateway"].url, watcher))


async def _loaded(url: str, watcher: Prometheus) -> list[str]:
    left = sorted({one for one in expressions() if not NOT_DUE.search(one)})
    api = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    async with api, Client(api).load():
        deadline = monotonic() + LOAD_S
        while left and monotonic() < deadline:
            left = [one for one in left if not await asyncio.to_thread(watcher.has_numbers, one)]
    return left


def test_every_dashboard_fills(unanswered: list[str]) -> None:
    assert unanswered == []


def test_what_was_learned_outlives_the_container(project: Project) -> None:
    gateway = project.services["gateway"]
    before = _forecast(gateway.url)
    for _ in range(REPEATS):
        _ask(gateway.url)
    learned = _forecast(gateway.url)
    assert abs(learned - SHORT) < abs(before - SHORT), "nothing was learned"
    assert project.stop("gateway") == 0
    project.start("gateway")
    assert _forecast(gateway.url) == pytest.approx(learned, rel=0.2)


def test_what_is_learned_belongs_to_the_user_of_the_image(project: Project) -> None:
    files = list((project.folder / "volumes" / "lengthwise").rglob("*"))
    assert any(path.is_file() for path in files)
    assert {path.stat().st_uid for path in files} == {project.user}


def _ask(url: str) -> Any:
    """The headers of an answer of ``SHORT`` tokens to always the same question."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Write a long story about the sea."}],
        "vllm_xargs": {"target_tokens": SHORT},
    }
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "x-lengthwise-debug": "1"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers


def _forecast(url: str) -> float:
    """The median forecast of that question, in tokens. A late forecast is asked for again."""
    deadline = monotonic() + LOAD_S
    while (found := _ask(url)["x-lengthwise-forecast-median"]) is None:
        assert monotonic() < deadline, "no answer has its forecast"
        sleep(0.1)
    return float(found)
