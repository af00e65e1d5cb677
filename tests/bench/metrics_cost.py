"""What the metrics cost: a scrape of a large gateway, and each request.

    python -m tests.bench.metrics_cost [--check]

A gateway's own parts in one process, without a network: 64 workers with a request each, 1,000
tenants of which requests wait, and 100,000 requests seen, of 8 models and several kinds and
outcomes. Times are CPU seconds of the thread; other programs on the same cores raise them too, by a
factor of some two to four. ``--check`` fails beyond the bound of a scrape.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

import numpy as np
from fastapi import FastAPI

from gateway.app import create_app
from gateway.config.settings import Config
from gateway.forecasting.request_forecast import RequestForecast
from gateway.workers.engine_report import EngineReport
from predictor import Prompt
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.records import RequestRecord

WORKERS, TENANTS, REQUESTS, MODELS, SCRAPES = 64, 1000, 100_000, 8, 50
SCRAPE_S = 0.05
"""Bound of a scrape."""

RESULT = Path(__file__).parent / "results" / "metrics_cost.json"
OUTCOMES = ("ok", "ok", "ok", "client_gone", "queue_full", "worker_failed", "queue_timeout")
RNG = np.random.default_rng(3)


Ended = tuple[str, Prompt, RequestForecast, RequestRecord]


def large_gateway() -> FastAPI:
    """The gateway with its workers, its tenants and their waiting requests."""
    tenants = [{"name": f"t{n}", "api_key": f"key-{n}"} for n in range(TENANTS)]
    settings = {
        "workers": [
            {"url": f"http://w{n}:8000", "kv_tokens": 100_000, "max_num_seqs": 64}
            for n in range(WORKERS)
        ],
        "tenants": {"fair": True, "known": tenants},
    }
    config = Config.model_validate(settings)
    app = create_app(config, None)
    scheduler = app.state.dispatcher.scheduler
    app.state.fleet.set_members(config.workers)
    for number, member in enumerate(app.state.fleet.members):
        member.healthy = True
        member.backend.models = {f"m{number % MODELS}": {}}
        member.backend.report = EngineReport(running=1, waiting=0, kv_usage=0.5, preemptions=3)
        scheduler.set_worker(member.spec(config.scheduling), healthy=True)
        scheduler.workers[member.id].add(_job(f"r{number}", "", number))
    for number in range(TENANTS):
        scheduler.waiting_jobs.push(_job(f"w{number}", f"t{number}", number), 0.0)
    return app


def _job(name: str, tenant: str, number: int) -> Job:
    length = LengthDistribution.from_samples(RNG.lognormal(5, 0.8, size=20))
    job = Job(name, f"m{number % MODELS}", 0.0, prompt_tokens=100, length=length)
    job.tenant = tenant
    return job


def requests(count: int) -> list[Ended]:
    """Ended requests: outcome, prompt, forecast and times."""
    made = []
    for number in range(count):
        length = LengthDistribution.from_samples(RNG.lognormal(5, 0.8, size=20))
        prompt = Prompt(f"m{number % MODELS}", "hi", tools=number % 2, json=number % 3 == 0)
        tokens = int(RNG.lognormal(5, 0.8)) + 2
        record = RequestRecord(
            *(0.0, 60.0, 0.5, 1.0, 3.0, 3.1),
            prompt_tokens=50,
            output_tokens=tokens,
        )
        outcome = OUTCOMES[number % len(OUTCOMES)]
        made.append((outcome, prompt, RequestForecast(length, "recent"), record))
    return made


def count_one(
    app: FastAPI, outcome: str, prompt: Prompt, forecast: RequestForecast, record: RequestRecord
) -> None:
    """What the gateway's parts tell the metrics of one request."""
    metrics = app.state.metrics
    metrics.in_flight.inc()
    metrics.expect_model(prompt.model)
    metrics.queue_wait.labels(metrics.shown(prompt.model)).observe(0.5)
    metrics.in_flight.dec()
    metrics.requests.labels(metrics.shown(prompt.model), "chat/completions", outcome).inc()
    if outcome == "ok":
        metrics.answers.observe(metrics.shown(prompt.model), record)
        metrics.genai.observe("chat/completions", metrics.shown(prompt.model), record)
        metrics.forecasts.labels(forecast.tier).inc()
        app.state.forecaster.learn(
            prompt, forecast, output_tokens=record.output_tokens, censored=False
        )


def count_all(app: FastAPI, ended: Sequence[Ended]) -> None:
    """Count requests one by one."""
    for outcome, prompt, forecast, record in ended:
        count_one(app, outcome, prompt, forecast, record)


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of the thread."""
    before = thread_time()
    work()
    return thread_time() - before


async def measure() -> dict[str, Any]:
    """Costs of requests and of scrapes."""
    app = large_gateway()
    some = requests(2000)
    app.state.metrics.render()
    rounds = [
        seconds(lambda: count_all(app, some)) / len(some) for _ in range(REQUESTS // len(some))
    ]
    answered = [ended for ended in some if ended[0] == "ok"]
    answers = [seconds(lambda: count_all(app, answered)) / len(answered) for _ in range(10)]
    scrapes = [seconds(app.state.metrics.render) for _ in range(SCRAPES)]
    text = app.state.metrics.render().decode()
    return {
        "series": sum(not line.startswith("#") for line in text.splitlines()),
        "bytes": len(text),
        "scrape_ms": {"median": 1000 * median(scrapes), "most": 1000 * max(scrapes)},
        "request_us": {"mean of kinds": 1e6 * median(rounds), "answered": 1e6 * median(answers)},
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }


def main() -> int:
    """Measure, print and write the result; 1 where a bound is exceeded and --check is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail beyond the bound of a scrape")
    parser.add_argument("--out", type=Path, default=RESULT, help="file of the result")
    args = parser.parse_args()
    found = asyncio.run(measure())
    print(json.dumps(found, indent=2))
    args.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(args.check and found["scrape_ms"]["median"] > 1000 * SCRAPE_S)


if __name__ == "__main__":
    sys.exit(main())
