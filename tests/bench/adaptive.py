"""What the adaptive layer learns from answers: a new model, repeated prompts, a silent change.

    python -m tests.bench.adaptive cold-start|repeats|drift|queue|cost|all --data DIR [--work DIR]

On the thousand prompts of CASTILLO's ``validate`` split that no predictor here was trained on.
``--work`` keeps what the trained predictors say of them; without it everything is trained first:
one predictor for ``repeats``, ``drift`` and ``queue``, thirteen more for ``cold-start``.
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
from tests.bench.adaptive_data import Said, World, said, split, world
from tests.bench.adaptive_queue import Queue, capacity, poisson
from tests.bench.adaptive_replay import prompt_of, replay

LOADS = (0.9, 1.0, 1.1)
FIRST = 500
"""Finished requests of the newcomer before it is judged."""

Results = dict[str, Any]


class Bench:
    """The data, and one method for each question."""

    def __init__(self, data: Path, work: Path, *, seeds: int, pairs: int) -> None:
        self.training, self.held = split(data)
        self.world: World = world(self.held)
        self.work, self.seeds, self.pairs = work, seeds, pairs
        self.full = self._said()

    def _said(self, left_out: str = "") -> Said:
        held: Records = self.held
        return said(self.work, self.training, held, left_out)

    def cold_start(self) -> Results:
        """A model left out of the training, its requests among those of the others."""
        curves: dict[str, dict[str, list[list[float]]]] = {}
        rows = []
        for model, name in enumerate(self.world.models):
            unseen = self._said(name)
            for seed in range(self.seeds):
                logs = adaptive_runs.cold_start(
                    self.world, unseen, self.full, model, seed, AdaptiveSettings()
                )
                end = min(2 * FIRST, len(logs["trained"].actual))
                row: Results = {"model": name, "seed": seed, "judged": end - FIRST}
                for arm, log in logs.items():
                    inside = log.inside()[FIRST:end]
                    crps = np.array(log.crps[FIRST:end])
                    row[arm] = [log.tau(FIRST, end), float(inside.mean()), float(crps.mean())]
                    for figure, values in adaptive_runs.windows(log).items():
                        curves.setdefault(figure, {}).setdefault(arm, []).append(values)
                rows.append(row)
                _say(f"cold start {name} {row['adaptive'][0]:.3f} of {row['trained'][0]:.3f}")
        return {"rows": rows, "curves": curves}

    def repeats(self) -> Results:
        """The same prompt again, and the same template with other values."""
        rows = []
        for kind in ("prompt", "template"):
            for model, name in enumerate(self.world.models):
                for seed in range(self.seeds):
                    rng = np.random.default_rng([seed, model])
                    requests = adaptive_runs.visits(self.world, model, rng, prompts=400, kind=kind)
                    log = replay(self.world, self.full, requests, AdaptiveLayer())
                    cut = np.array([one.cut for one in requests])
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
        """The MAE of a model's first answer to a prompt that other models answered before."""
        found: dict[int, list[float]] = {}
        for others in (0, 1, 3):
            for model in range(len(self.world.models)):
                rng = np.random.default_rng([model, others])
                requests, start = adaptive_runs.after_others(
                    self.world, model, rng, prompts=200, others=others
                )
                log = replay(self.world, self.full, requests, AdaptiveLayer())
                found.setdefault(others, []).append(float(log.miss()[start:].mean()))
        return {str(others): float(np.mean(values)) for others, values in found.items()}

    def drift(self) -> Results:
        """Coverage around a silent replacement, over all ordered pairs of models."""
        out: Results = {}
        for kind in ("new prompts", "150 prompts again and again"):
            inside, static, taus = [], [], []
            for old, new in permutations(range(len(self.world.models)), 2):
                rng = np.random.default_rng([old, new])
                again = kind != "new prompts"
                requests = adaptive_runs.replaced(self.world, old, new, rng, repeated=again)
                kept = len(requests) - adaptive_runs.AFTER - 150
                if kept < 0:
                    continue  # too few prompts that both models answered
                log = replay(self.world, self.full, requests, AdaptiveLayer())
                inside.append(log.inside()[kept:].tolist())
                taus.append(log.tau(len(requests) - 200, len(requests)))
                fixed = replay(self.world, self.full, requests)
                static.append(fixed.inside()[kept:].tolist())
            out[kind] = {"adaptive": inside, "static": static, "tau": taus}
            _say(f"drift, {kind}")
        return out

    def queue(self) -> Results:
        """Mean latency of sejf over that of fcfs around a silent replacement."""
        rows = []
        chance = np.random.default_rng(0)
        everyone = list(permutations(range(len(self.world.models)), 2))
        picked = chance.permutation(len(everyone))[: self.pairs].tolist()
        for old, new in (everyone[at] for at in picked):
            rng = np.random.default_rng([old, new])
            requests = adaptive_runs.replaced(self.world, old, new, rng)
            start = len(requests) - adaptive_runs.AFTER
            rate = {
                model: capacity(
                    self.world, self.full, [one for one in requests if one.answering == model], fcfs
                )
                for model in (old, new)
            }
            for load in LOADS:
                rates = [load * rate[one.answering] for one in requests]
                trace = poisson(requests, rates, rng)
                base = Queue(self.world, self.full, fcfs, None).run(trace)
                row: Results = {"old": old, "new": new, "load": load, "fcfs": base.tolist()}
                for arm, adaptive in (("adaptive", AdaptiveLayer()), ("static", None)):
                    policy = sejf(AGEING)
                    taken = Queue(self.world, self.full, policy, adaptive).run(trace)
                    row[arm] = taken.tolist()
                row["start"] = start
                rows.append(row)
            _say(f"queue {self.world.models[old]} -> {self.world.models[new]}")
        return {"rows": rows}

    def cost(self) -> Results:
        """Microseconds of ``adapt`` and ``learn`` on real prompts, with a full memory."""
        tracemalloc.start()
        adaptive = AdaptiveLayer()
        rows = adaptive.settings.capacity
        for key in range(rows):
            width = (*[0.0] * len(NAMES),) if key % 2 else ()
            adaptive.history.memory.add(key, 0.1, width, weight=1.0, keep=0.9, stale=0.1, epoch=0)
        megabytes = tracemalloc.get_traced_memory()[0] / 2**20
        tracemalloc.stop()
        requests = adaptive_runs.newcomer(self.world, 0, np.random.default_rng(0))
        single: list[float] = []
        learn: list[float] = []
        for one in requests:
            asked, raw_forecast = prompt_of(self.world, one), self.full.of(one.named, one.prompt)
            made: list[Forecast] = []
            single.append(_timed(lambda: made.extend(adaptive.adapt([asked], raw_forecast))))  # noqa: B023
            learn.append(_timed(lambda: adaptive.learn(made[0], one.tokens, censored=one.cut)))  # noqa: B023
        calls = [
            (prompt_of(self.world, one), self.full.of(one.named, one.prompt), one)
            for one in requests
        ]
        start_of = time.process_time()
        forecasts = [adaptive.adapt([asked], raw_forecast)[0] for asked, raw_forecast, _ in calls]
        middle = time.process_time()
        for forecast, (_, _, one) in zip(forecasts, calls, strict=True):
            adaptive.learn(forecast, one.tokens, censored=one.cut)
        end = time.process_time()
        own = [one for one in requests if one.named == 0]
        batches = [
            (
                [prompt_of(self.world, one) for one in own[at : at + 64]],
                self.full.of_many(0, [one.prompt for one in own[at : at + 64]]),
            )
            for at in range(0, len(own), 64)
        ]
        start = time.process_time()
        for prompts, raw_forecasts in batches:
            adaptive.adapt(prompts, raw_forecasts)
        together = (time.process_time() - start) * len(calls) / len(own)
        cpu = {"adapt": middle - start_of, "adapt in batches": together, "learn": end - middle}
        with TemporaryDirectory() as folder:
            path = Path(folder) / "state.npz"
            save_s = _timed(lambda: save_state(adaptive, path)) / 1e6
            stored = path.stat().st_size / 2**20
        figures = {"adapt, one": single, "learn": learn}
        return {
            "machine": f"{os.cpu_count()} {platform.machine()} cores shared with other work",
            "keys": rows,
            "megabytes": megabytes,
            "stored": stored,
            "save_s": save_s,
            "cpu": {name: 1e6 * seconds / len(calls) for name, seconds in cpu.items()},
            **{
                name: [float(np.median(v)), float(np.percentile(v, 99))]
                for name, v in figures.items()
            },
        }


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e6 * (time.perf_counter() - start)


def _say(line: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {line}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print the table, write Markdown, JSON and picture."""
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
        found = runs[name]()
        path = args.out / f"adaptive_{name.replace('-', '_')}"
        table, small = adaptive_plots.REPORTS[name](found, path.with_suffix(".png"))
        path.with_suffix(".md").write_text(table + "\n")
        path.with_suffix(".json").write_text(json.dumps(small) + "\n")
        print(table)


if __name__ == "__main__":
    main()
