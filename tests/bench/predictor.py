"""Speed of the predictor: one prompt at a time, and in batches, features included.

    python -m tests.bench.predictor [--model-dir MODEL ...] [--prompts 1000]

The prompts come from CASTILLO's ``validate`` split in random order, so all lengths are mixed.
One thread. CPU time is the thread's own: it repeats on a machine with other load.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BATCHES = (16, 64, 256)
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds to load and to predict one prompt; predictions/s by batch size."""

    megabytes: float
    load_ms: float
    one_ms: float
    one_cpu_ms: float
    one_p99_ms: float
    wall: dict[int, float]
    cpu: dict[int, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=Path, action="append", default=[])
    parser.add_argument("--prompts", type=int, default=1000)
    options = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    texts = _texts(options.prompts)
    print("| model | MB | load, ms | one, ms | one, CPU ms | one, p99 ms |", end="")
    print("".join(f" batches of {size}, /s (CPU /s) |" for size in BATCHES))
    print("|---|" + "---|" * (5 + len(BATCHES)))
    for folder in options.model_dir or [None]:
        speed = measure(folder, texts)
        cells = [f"{speed.megabytes:.1f}", f"{speed.load_ms:.0f}", f"{speed.one_ms:.2f}"]
        cells += [f"{speed.one_cpu_ms:.2f}", f"{speed.one_p99_ms:.2f}"]
        cells += [f"{speed.wall[size]:.0f} ({speed.cpu[size]:.0f})" for size in BATCHES]
        print(f"| {folder.name if folder else 'default'} | {' | '.join(cells)} |", flush=True)
    return 0


def measure(folder: Path | None, texts: Sequence[str]) -> Speed:
    """The speed of the predictor in ``folder`` (None: the shipped predictor)."""
    from predictor import LengthPredictor, Prompt
    from predictor.fast.predictor import DEFAULT

    start = time.perf_counter()
    predictor = LengthPredictor.load(folder)
    load = time.perf_counter() - start
    names = predictor.manifest["models"]
    prompts = [Prompt(names[index % len(names)], text) for index, text in enumerate(texts)]
    predictor.predict(prompts[:8])
    one = _each(lambda start: predictor.predict(prompts[start : start + 1]), range(len(prompts)))
    wall, cpu = {}, {}
    for size in BATCHES:
        starts = range(0, len(prompts) - size + 1, size)
        seconds = [
            _each(lambda at: predictor.predict(prompts[at : at + size]), starts).sum(axis=0)  # noqa: B023
            for _ in range(_REPEATS)
        ]
        spent = np.median(seconds, axis=0)
        wall[size], cpu[size] = (size * len(starts) / spent).tolist()
    size_bytes = sum(file.stat().st_size for file in (folder or DEFAULT).iterdir())
    return Speed(
        megabytes=size_bytes / 1e6,
        load_ms=1e3 * load,
        one_ms=1e3 * float(np.median(one[:, 0])),
        one_cpu_ms=1e3 * float(np.median(one[:, 1])),
        one_p99_ms=1e3 * float(np.percentile(one[:, 0], 99)),
        wall=wall,
        cpu=cpu,
    )


def _each(
    call: Callable[[int], object], starts: Sequence[int]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Seconds of each call: by the clock, and of this thread's CPU."""
    spent = np.empty((len(starts), 2))
    for row, start in zip(spent, starts, strict=True):
        clock, own = time.perf_counter(), time.thread_time()
        call(start)
        row[:] = time.perf_counter() - clock, time.thread_time() - own
    return spent


def _texts(count: int) -> list[str]:
    from predictor.data import castillo
    from tests.castillo import needed_data

    records = castillo.read_castillo(needed_data())
    validate = np.flatnonzero(records.validate)
    chosen = np.random.default_rng(0).permutation(validate)[:count]
    return [records.texts[prompt] for prompt in chosen]


if __name__ == "__main__":
    sys.exit(main())
