"""How long the gateway's forecasts hold up its event loop.

    python -m tests.bench.eventloop --model-dir DIR

Requests come in bursts. The fast tier forecasts all of them and, if the model has a refined tier,
the refined tier afterwards, on their threads, as in the gateway. A heartbeat on the loop measures
how late the loop is. In turn, the heartbeat runs on an idle loop: the
idle loop's lateness is the machine's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from gateway.config.forecasting import PredictorConfig
from gateway.config.scheduling import Slo
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.request_forecast import RequestForecast
from gateway.metrics import Metrics
from gateway.protocol.openai import ApiRequest, parse
from gateway.serve.command import SWITCH_S
from predictor import Prompt
from predictor.inference.tiered import TieredPredictor
from predictor.threads import one_thread
from tests.castillo import requests

BEAT_S = 0.001
BURST = 32
IDLE_S = 1.0

Lateness = tuple[float, ...]
"""Requests per second; median, p99 and maximum of the lateness in ms."""


@dataclass(slots=True)
class Heartbeat:
    """Lateness of a coroutine that sleeps for ``BEAT_S``, in seconds beyond the sleep."""

    late: list[float]

    async def beat(self) -> None:
        """Measure until cancelled."""
        while True:
            before = perf_counter()
            await asyncio.sleep(BEAT_S)
            self.late.append(perf_counter() - before - BEAT_S)


def _requests(model: str, count: int) -> list[tuple[ApiRequest, Prompt]]:
    parsed = []
    for request in requests(model, count, 0):
        message = {"role": "user", "content": request.prompt}
        fields: dict[str, object] = {"model": model, "messages": [message]}
        parsed.append((_parsed(fields), Prompt.from_request(fields)))
    return parsed


def _parsed(fields: dict[str, object]) -> ApiRequest:
    return parse("chat/completions", "POST", "application/json", json.dumps(fields).encode())


async def _measure(
    tiered: TieredPredictor, parsed: list[tuple[ApiRequest, Prompt]], rounds: int
) -> dict[str, list[Lateness]]:
    """Lateness of the loop in turn: idle, while forecasting, and while refining."""
    budget = PredictorConfig(budget_ms=10_000, refine_budget_ms=600_000)
    forecaster = Forecaster(tiered, Metrics(Slo()), budget)
    forecasts: list[RequestForecast] = []

    async def fast() -> None:
        forecasts.clear()
        for start in range(0, len(parsed), BURST):
            burst = parsed[start : start + BURST]
            forecasts.extend(
                await asyncio.gather(*(forecaster.forecast(r, p, 32_768) for r, p in burst))
            )

    async def refined() -> None:
        for start in range(0, len(forecasts), BURST):
            await asyncio.gather(*(forecaster.refine(f) for f in forecasts[start : start + BURST]))

    async def idle() -> None:
        await asyncio.sleep(IDLE_S)

    works = {"idle": idle, "fast": fast}
    if forecaster.refines:
        works["refining"] = refined
    lateness: dict[str, list[Lateness]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            lateness[name].append(await _late(work, 0 if name == "idle" else len(parsed)))
    return lateness


async def _late(work: Callable[[], Awaitable[None]], requests: int) -> Lateness:
    heart = Heartbeat([])
    beating = asyncio.create_task(heart.beat())
    start = perf_counter()
    await work()
    seconds = perf_counter() - start
    beating.cancel()
    late = 1000 * np.array(heart.late)
    return (requests / seconds, *np.quantile(late, [0.5, 0.99, 1]).tolist())


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="Qwen/Qwen2.5-7B-Instruct-1M")
    args = parser.parse_args()
    one_thread()
    sys.setswitchinterval(SWITCH_S)
    tiered = TieredPredictor.load(args.model_dir)
    parsed = _requests(args.model, args.requests)
    print(
        f"Lateness of the event loop in ms, {args.rounds} rounds. median, p99, greatest: of one "
        "round, then the median over the rounds. worst: the greatest of all rounds. idle: the "
        "machine's own lateness.\n"
    )
    print("| | requests/s | median | p99 | greatest | worst |\n|---|---|---|---|---|---|")
    for name, lines in asyncio.run(_measure(tiered, parsed, args.rounds)).items():
        speed, *late = np.median(lines, axis=0).tolist()
        worst = max(line[-1] for line in lines)
        print(
            f"| {name} | {speed:.0f} | " + " | ".join(f"{ms:.2f}" for ms in (*late, worst)) + " |"
        )


if __name__ == "__main__":
    main()
