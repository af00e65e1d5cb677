"""What the adaptive layer learns from answers: a new model, repeated prompts, a silent change.

    python -m tests.bench.adaptive cold-start|repeats|drift|queue|cost|all --data DIR [--work DIR]

Runs on the thousand prompts of CASTILLO's ``validate`` split that no predictor of this benchmark is
trained on. ``--work`` keeps the forecasts of the trained predictors. Without kept forecasts the
benchmark trains first: one predictor for ``repeats``, ``drift`` and ``queue``, thirteen more for
``cold-start``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import tracemalloc
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from predictor.adaptive import AdaptiveLayer, AdaptiveSettings, Forecast, save_state
from predictor.adaptive.inputs import NAMES
from predictor.data.records import Records
from scheduler.policy import AGEING, fcfs, sejf
from tests.bench import adaptive_plots, adaptive_runs
from tests.bench.adaptive_data import (
    AnswerPool,
    StaticForecasts,
    answer_pool,
    split,
    static_forecasts,
)
from tests.bench.adaptive_queue import Queue, capacity, poisson
from tests.bench.adaptive_replay import Request, replay, to_prompt

LOADS = (0.9, 1.0, 1.1)
FIRST = 500
"""Finished requests of the new model before the measured ones."""

Results = dict[str, Any]


class Bench:
    """The data, and one method per question."""

    def __init__(self, data: Path, work: Path, *, seeds: int, pairs: int) -> None:
        self.training, self.held = split(data)
        self.pool: AnswerPool = answer_pool(self.held)
        self.work, self.seeds, self.pairs = work, seeds, pairs
        self.full = self._static()

    def _static(self, left_out: str = "") -> StaticForecasts:
        held: Records = self.held
        return static_forecasts(self.work, self.training, held, left_out)

    def cold_start(self) -> Results:
        """A model left out of the training; its requests come among requests of other models."""
        curves: dict[str, dict[str, list[list[float]]]] = {}
        rows = []
        for model, name in enumerate(self.pool.models):
            unseen = self._static(name)
            for seed in range(self.seeds):
                logs = adaptive_runs.cold_start(
                    self.pool, unseen, self.full, model, seed, AdaptiveSettings()
                )
                end = min(2 * FIRST, len(logs["trained"].actual))
                row: Results = {"model": name, "seed": seed, "judged": end - FIRST}
                for arm, log in logs.items():
                    inside = log.inside()[FIRST:end]
                    crps = np.array(log.crps[FIRST:end])
                    row[arm] = [log.tau(FIRST, end), float(inside.mean()), float(crps.mean())]
                    for name_, values in adaptive_runs.windows(log).items():
                        curves.setdefault(name_, {}).setdefault(arm, []).append(values)
                rows.append(row)
                _say(f"cold start {name} {row['adaptive'][0]:.3f} of {row['trained'][0]:.3f}")
        return {"rows": rows, "curves": curves}

    def repeats(self) -> Results:
        """Repeated prompts, and repeated templates with other values."""
        rows = []
        for kind in ("prompt", "template"):
            for model, name in enumerate(self.pool.models):
                for seed in range(self.seeds):
                    rng = np.random.default_rng([seed, model])
                    requests = adaptive_runs.visits(self.pool, model, rng, prompts=400, kind=kind)
                    log = replay(self.pool, self.full, requests, AdaptiveLayer())
                    cut = np.array([request.cut for request in requests])
                    size = len(requests) // adaptive_runs.VISITS
                    inside = log.inside().reshape(adaptive_runs.VISITS, size).mean(axis=1)
                    row = {"kind": kind, "model": name, "seed": seed}
                    forecast = adaptive_runs.by_visit(requests, log)
                    samples = adaptive_runs.by_samples(requests)
                    ends = ~cut.reshape(adaptive_runs.VISITS, size)
                    rows.append(
                        row
                        | {
                            "forecast": [float(forecast[k].mean()) for k in range(6)],
                            "forecast_ended": [
                                float(forecast[k][ends[k]].mean()) for k in range(6)
                            ],
                            "samples": [float(samples[k].mean()) for k in range(1, 6)],
                            "samples_ended": [
                                float(samples[k][ends[k]].mean()) for k in range(1, 6)
                            ],
                            "coverage": inside.tolist(),
                        }
                    )
                _say(f"repeats {kind} {name}")
        return {"rows": rows, "others": self._others()}

    def _others(self) -> Results:
        """MAE of a model's first answer to a prompt that 0, 1 or 3 other models answered before."""
        errors: dict[int, list[float]] = {}
        for others in (0, 1, 3):
            for model in range(len(self.pool.models)):
                rng = np.random.default_rng([model, others])
                requests, start = adaptive_runs.after_others(
                    self.pool, model, rng, prompts=200, others=others
                )
                log = replay(self.pool, self.full, requests, AdaptiveLayer())
                errors.setdefault(others, []).append(float(log.absolute_errors()[start:].mean()))
        return {str(others): float(np.mean(values)) for others, values in errors.items()}

    def drift(self) -> Results:
        """Coverage before and after a silent replacement, for all ordered pairs of models."""
        out: Results = {}
        for kind in ("new prompts", "150 prompts again and again"):
            inside, static, taus = [], [], []
            for old, new in permutations(range(len(self.pool.models)), 2):
                rng = np.random.default_rng([old, new])
                again = kind != "new prompts"
                requests = adaptive_runs.replaced(self.pool, old, new, rng, repeated=again)
                kept = len(requests) - adaptive_runs.AFTER - 150
                if kept < 0:
                    continue  # too few prompts have answers of both models
                log = replay(self.pool, self.full, requests, AdaptiveLayer())
                inside.append(log.inside()[kept:].tolist())
                taus.append(log.tau(len(requests) - 200, len(requests)))
                fixed = replay(self.pool, self.full, requests)
                static.append(fixed.inside()[kept:].tolist())
            out[kind] = {"adaptive": inside, "static": static, "tau": taus}
            _say(f"drift, {kind}")
        return out

    def queue(self) -> Results:
        """Mean latency of sejf / mean latency of fcfs, before and after a silent replacement."""
        rows = []
        chance = np.random.default_rng(0)
        everyone = list(permutations(range(len(self.pool.models)), 2))
        picked = chance.permutation(len(everyone))[: self.pairs].tolist()
        for old, new in (everyone[index] for index in picked):
            rng = np.random.default_rng([old, new])
            requests = adaptive_runs.replaced(self.pool, old, new, rng)
            start = len(requests) - adaptive_runs.AFTER
            rate = {
                model: capacity(self.pool, self.full, answered_by(model, requests), fcfs)
                for model in (old, new)
            }
            for load in LOADS:
                rates = [load * rate[request.answering] for request in requests]
                trace = poisson(requests, rates, rng)
                base = Queue(self.pool, self.full, fcfs, None).run(trace)
                row: Results = {"old": old, "new": new, "load": load, "fcfs": base.tolist()}
                for arm, adaptive in (("adaptive", AdaptiveLayer()), ("static", None)):
                    policy = sejf(AGEING)
                    latencies = Queue(self.pool, self.full, policy, adaptive).run(trace)
                    row[arm] = latencies.tolist()
                row["start"] = start
                rows.append(row)
            _say(f"queue {self.pool.models[old]} -> {self.pool.models[new]}")
        return {"rows": rows}

    def cost(self) -> Results:
        """Microseconds of ``adapt`` and ``learn`` for real prompts, with a full memory."""
        tracemalloc.start()
        adaptive = AdaptiveLayer()
        rows = adaptive.settings.capacity
        for key in range(rows):
            width = (*[0.0] * len(NAMES),) if key % 2 else ()
            adaptive.history.memory.add(key, 0.1, width, weight=1.0, keep=0.9, stale=0.1, epoch=0)
        megabytes = tracemalloc.get_traced_memory()[0] / 2**20
        tracemalloc.stop()
        requests = adaptive_runs.newcomer(self.pool, 0, np.random.default_rng(0))
        single: list[float] = []
        learn: list[float] = []
        for request in requests:
            prompt, raw_forecast = (
                to_prompt(self.pool, request),
                self.full.one(request.named, request.prompt),
            )
            made: list[Forecast] = []
            single.append(_timed(lambda: made.extend(adaptive.adapt([prompt], raw_forecast))))  # noqa: B023
            answer, cut = request.tokens, request.cut
            learn.append(_timed(lambda: adaptive.learn(made[0], answer, censored=cut)))  # noqa: B023
        calls = [
            (to_prompt(self.pool, request), self.full.one(request.named, request.prompt), request)
            for request in requests
        ]
        adapting = time.process_time()
        forecasts = [adaptive.adapt([prompt], raw_forecast)[0] for prompt, raw_forecast, _ in calls]
        learning = time.process_time()
        for forecast, (_, _, request) in zip(forecasts, calls, strict=True):
            adaptive.learn(forecast, request.tokens, censored=request.cut)
        end = time.process_time()
        own = [request for request in requests if request.named == 0]
        batches = [
            (
                [to_prompt(self.pool, request) for request in own[first : first + 64]],
                self.full.several(0, [request.prompt for request in own[first : first + 64]]),
            )
            for first in range(0, len(own), 64)
        ]
        start = time.process_time()
        for prompts, raw_forecasts in batches:
            adaptive.adapt(prompts, raw_forecasts)
        together = (time.process_time() - start) * len(calls) / len(own)
        cpu = {"adapt": learning - adapting, "adapt in batches": together, "learn": end - learning}
        with TemporaryDirectory() as folder:
            path = Path(folder) / "state.npz"
            save_s = _timed(lambda: save_state(adaptive, path)) / 1e6
            stored = path.stat().st_size / 2**20
        percentiles = {"adapt, one": single, "learn": learn}
        return {
            "machine": f"{os.cpu_count()} {platform.machine()} cores shared with other work",
            "keys": rows,
            "megabytes": megabytes,
            "stored": stored,
            "save_s": save_s,
            "cpu": {name: 1e6 * seconds / len(calls) for name, seconds in cpu.items()},
            **{
                name: [float(np.median(v)), float(np.percentile(v, 99))]
                for name, v in percentiles.items()
            },
        }


def answered_by(model: int, requests: list[Request]) -> list[Request]:
    """The requests that ``model`` answers."""
    return [request for request in requests if request.answering == model]


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e6 * (time.perf_counter() - start)


def _say(line: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {line}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print the table, write table, JSON and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["cold-start", "repeats", "drift", "queue", "cost", "all"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("build/adaptive"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=26)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    bench = Bench(args.data, args.work, seeds=args.seeds, pairs=args.pairs)
    runs: dict[str, Callable[[], Results]] = {
        "cold-start": bench.cold_start,
        "repeats": bench.repeats,
        "drift": bench.drift,
        "queue": bench.queue,
        "cost": bench.cost,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for name in runs if args.what == "all" else [args.what]:
        results = runs[name]()
        path = args.out / f"adaptive_{name.replace('-', '_')}"
        table, small = adaptive_plots.REPORTS[name](results, path.with_suffix(".png"))
        path.with_suffix(".md").write_text(table + "\n")
        path.with_suffix(".json").write_text(json.dumps(small) + "\n")
        print(table)


if __name__ == "__main__":
    main()
