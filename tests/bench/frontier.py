"""What p99 costs in mean latency: sejf by level and ageing, with our forecasts and with true ones.

    python -m tests.bench.frontier [--seeds 12] [--out DIR]

Simulated: 8 sequences and ample KV memory, 400 requests, load 1.05, Poisson arrivals, answers of up
to 1,000 tokens, as ``tests.bench.sustained`` has them. Ratios to stock on the same requests.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

from gateway.simulate.castillo import read_pool
from gateway.simulate.options import CASTILLO_CONTEXT
from gateway.simulate.study import Row, Setting, Study
from scheduler.length import LengthDistribution
from scheduler.sim.arms import Arm
from scheduler.sim.request import Request
from tests import castillo

SETTING = Setting(kv_tokens=2_000_000, max_num_seqs=8, max_model_len=CASTILLO_CONTEXT)
LOAD = 1.05
REQUESTS, MAX_OUTPUT = 400, 1000
LEVELS = (1.2, 0.9, 0.7, 0.5, 0.35, 0.25)
RATES = (0.05, 0.12, 0.3)


def told(request: Request) -> Request:
    """The request with its true length for a forecast."""
    return replace(request, length=LengthDistribution.point(request.output_tokens))


def studies() -> dict[str, Study]:
    """The same requests, forecast by the shipped predictor and by one that knows."""
    folder = castillo.find_data()
    if folder is None:
        raise SystemExit("CASTILLO is missing: set LENGTHWISE_DATA to its folder")
    pool = read_pool(folder)

    def draw(seed: int) -> list[Request]:
        drawn = pool.draw(10 * REQUESTS, seed)
        return [one for one in drawn if one.output_tokens <= MAX_OUTPUT][:REQUESTS]

    return {
        "ours": Study(SETTING, draw),
        "true": Study(SETTING, lambda seed: [told(request) for request in draw(seed)]),
    }


def ratios(rows: Sequence[Row], stock: Sequence[Row]) -> str:
    """Latency per token and p99, means over the seeds of the ratio within one."""
    return " @ ".join(
        f"{mean(row[column] / other[column] for row, other in zip(rows, stock, strict=True)):.3f}"
        for column in ("mean_normalised_latency", "p99_e2e")
    )


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    seeds = range(args.seeds)
    arms = {
        f"{level:g} | {rate:g}": Arm("sejf", rate, level, priority=True)
        for level in LEVELS
        for rate in RATES
    }
    lines = [
        f"Latency per token @ p99 E2E, over stock's: mean over seeds 0 to {args.seeds - 1} of the "
        f"ratio within one. {REQUESTS} requests, {SETTING.max_num_seqs} sequences, load {LOAD}.",
        "",
        "| level | ageing | our forecasts | true lengths |",
        "|---|---|---|---|",
    ]
    cells: dict[str, list[str]] = {name: [] for name in arms}
    for study in studies().values():
        stock = [study.row(Arm("stock"), LOAD, seed) for seed in seeds]
        for name, arm in arms.items():
            rows = [study.row(arm, LOAD, seed) for seed in seeds]
            cells[name].append(ratios(rows, stock))
    lines += [f"| {name} | {ours} | {true} |" for name, (ours, true) in cells.items()]
    print("\n".join(lines))
    (args.out / "frontier.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
