"""Speed of the refined tier on one core, on CASTILLO's ``validate`` prompts.

    python -m tests.bench.refined --model-dir DIR

Prints a table: one prompt at a time, and in batches. The mix of prompt lengths decides the speed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from predictor.artefact.format import ArtefactError
from predictor.data import castillo
from predictor.inference.tiered import TieredPredictor
from predictor.prompt import Prompt
from predictor.refined.encoder import Encoder
from tests.castillo import needed_data

_WARM_UP = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 2 if the model cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, prog="tests.bench.refined")
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--core", type=int, default=0, help="the core to run on")
    given = parser.parse_args(arguments)
    texts = _texts(needed_data(), given.prompts)
    os.sched_setaffinity(0, {given.core})
    try:
        rows = _measured(given.model_dir, texts, given.batch)
    except ArtefactError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(texts)} prompts, one core, load average {os.getloadavg()[0]:.1f}\n")
    print("| | one prompt, ms: median | p90 | p99 | CPU, median | prompts/s, batches | per CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name, figures in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.3g}" for value in figures) + " |")
    return 0


def _texts(data: Path, count: int) -> list[str]:
    records = castillo.read_castillo(data)
    texts = [text for text, out in zip(records.texts, records.validate, strict=True) if out]
    order = np.random.default_rng(0).permutation(len(texts))[:count]
    return [texts[index] for index in order]


def _measured(folder: Path, texts: list[str], batch: int) -> dict[str, list[float]]:
    encoder = Encoder.load(folder)
    rows = {"encoder": _timed(encoder.encode, texts, batch)}
    tiered = TieredPredictor.load(folder)
    model = tiered.model.manifest["models"][0]

    def both(batch: list[str]) -> object:
        return tiered.refine(tiered.predict([Prompt(model, text) for text in batch]))

    if tiered.refines:
        rows["fast and refined tier"] = _timed(both, texts, batch)
    return rows


def _timed(run: Callable[[list[str]], object], texts: list[str], batch: int) -> list[float]:
    """One prompt in ms (median, p90, p99, CPU median); prompts/s by the clock and by CPU time."""
    for text in texts[:_WARM_UP]:
        run([text])
    wall_ms, cpu_ms = [], []
    for text in texts:
        clock, cpu = time.perf_counter(), time.thread_time()
        run([text])
        wall_ms.append(1e3 * (time.perf_counter() - clock))
        cpu_ms.append(1e3 * (time.thread_time() - cpu))
    clock, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(texts), batch):
        run(texts[start : start + batch])
    speed = [len(texts) / (time.perf_counter() - clock), len(texts) / (time.process_time() - cpu)]
    return [*np.percentile(wall_ms, [50, 90, 99]).tolist(), float(np.median(cpu_ms)), *speed]


if __name__ == "__main__":
    sys.exit(main())
