"""How long the event loop is held while the gateway forecasts and refines.

    python -m tests.bench.eventloop --model-dir DIR

Requests come in bursts; all are forecast by the fast tier and then, where the model has one, by
the refined tier, on their threads, as in the gateway. A heartbeat on the loop notes how late it is,
and in turn how late it is when nothing happens: what the machine itself is to blame for.
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
from gateway.serve import SWITCH_S
from predictor import Prompt
from predictor.inference.tiered import TieredPredictor
from predictor.threads import one_thread
from tests.castillo import requests

BEAT_S = 0.001
BURST = 32
IDLE_S = 1.0

Lateness = tuple[float, ...]
"""Requests a second, and the median, the 99 % quantile and the most of the lateness in ms."""


@dataclass(slots=True)
class Heartbeat:
    """Delays of a coroutine that asks for a millisecond's sleep, in seconds beyond it."""

    late: list[float]

    async def beat(self) -> None:
        """Until cancelled."""
        while True:
            before = perf_counter()
            await asyncio.sleep(BEAT_S)
            self.late.append(perf_counter() - before - BEAT_S)


def _asked(model: str, count: int) -> list[tuple[ApiRequest, Prompt]]:
    made = []
    for request in requests(model, count, 0):
        message = {"role": "user", "content": request.prompt}
        fields: dict[str, object] = {"model": model, "messages": [message]}
        made.append((_parsed(fields), Prompt.from_request(fields)))
    return made


def _parsed(fields: dict[str, object]) -> ApiRequest:
    return parse("chat/completions", "POST", "application/json", json.dumps(fields).encode())


async def _measure(
    tiered: TieredPredictor, asked: list[tuple[ApiRequest, Prompt]], rounds: int
) -> dict[str, list[Lateness]]:
    """Lateness of an idle loop, while forecasting and while refining, turn by turn."""
    budget = PredictorConfig(budget_ms=10_000, refine_budget_ms=600_000)
    forecaster = Forecaster(tiered, Metrics(Slo()), budget)
    guesses: list[RequestForecast] = []

    async def fast() -> None:
        guesses.clear()
        for at in range(0, len(asked), BURST):
            some = asked[at : at + BURST]
            guesses.extend(
                await asyncio.gather(*(forecaster.forecast(r, p, 32_768) for r, p in some))
            )

    async def refined() -> None:
        for at in range(0, len(guesses), BURST):
            await asyncio.gather(*(forecaster.refine(g) for g in guesses[at : at + BURST]))

    async def idle() -> None:
        await asyncio.sleep(IDLE_S)

    works = {"idle": idle, "fast": fast}
    if forecaster.refines:
        works["refining"] = refined
    found: dict[str, list[Lateness]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(await _late(work, 0 if name == "idle" else len(asked)))
    return found


async def _late(work: Callable[[], Awaitable[None]], requests: int) -> Lateness:
    heart = Heartbeat([])
    beating = asyncio.create_task(heart.beat())
    began = perf_counter()
    await work()
    seconds = perf_counter() - began
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
    asked = _asked(args.model, args.requests)
    print("Loop late by, ms; median over the rounds, and of the most also the worst round\n")
    print("| | requests/s | median | p99 | most | worst |\n|---|---|---|---|---|---|")
    for name, lines in asyncio.run(_measure(tiered, asked, args.rounds)).items():
        speed, *late = np.median(lines, axis=0).tolist()
        worst = max(line[-1] for line in lines)
        print(
            f"| {name} | {speed:.0f} | " + " | ".join(f"{ms:.2f}" for ms in (*late, worst)) + " |"
        )


if __name__ == "__main__":
    main()
