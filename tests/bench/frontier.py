"""What p99 costs in mean latency: sejf by level and ageing, with our forecasts and with true ones.

    python -m tests.bench.frontier [--seeds 12] [--out DIR]

Simulated: what ``tests.bench.sustained`` measures, its two regimes with the step costs that its
engine was calibrated to, 400 requests, Poisson arrivals, answers of up to 1,000 tokens. Ratios to
stock on the same requests.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from gateway.simulate.castillo import read_pool
from gateway.simulate.options import CASTILLO_CONTEXT
from gateway.simulate.study import Row, Setting, Study
from scheduler.costs import StepCosts
from scheduler.length import LengthDistribution
from scheduler.sim.arms import Arm
from scheduler.sim.request import Request
from tests import castillo

COSTS = StepCosts(
    base=2.1e-3,
    per_sequence=1.8e-4,
    per_kv_token=3.3e-7,
    per_prefill_token=3.1e-5,
    per_request=5.0e-3,
)
"""vLLM's CPU build with a tiny model on one core of the machine that the figures are of."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What is scarce, and the load."""

    text: str
    load: float
    setting: Setting


SLOTS = Setting(
    kv_tokens=2_000_000, max_num_seqs=8, max_model_len=CASTILLO_CONTEXT, block_size=128, costs=COSTS
)
BOUNDS = (
    Bound("8 sequences, load 1.05", 1.05, SLOTS),
    Bound(
        "12,288 KV tokens, 64 sequences, load 1.15",
        1.15,
        replace(SLOTS, kv_tokens=12_288, max_num_seqs=64),
    ),
)
REQUESTS, MAX_OUTPUT = 400, 1000
LEVELS = (1.2, 0.85, 0.7, 0.5, 0.35, 0.25)
RATES = (0.05, 0.12, 0.3)


def told(request: Request) -> Request:
    """The request with its true length for a forecast."""
    return replace(request, length=LengthDistribution.point(request.output_tokens))


def draws() -> dict[str, Callable[[int], list[Request]]]:
    """Requests by seed, forecast by the shipped predictor and by one that knows."""
    pool = read_pool(castillo.needed_data())

    def ours(seed: int) -> list[Request]:
        drawn = pool.draw(10 * REQUESTS, seed)
        return [one for one in drawn if one.output_tokens <= MAX_OUTPUT][:REQUESTS]

    return {
        "our forecasts": ours,
        "true lengths": lambda seed: [told(request) for request in ours(seed)],
    }


def ratios(rows: Sequence[Row], stock: Sequence[Row]) -> str:
    """Latency per token and p99, means over the seeds of the ratio within one."""
    return " @ ".join(
        f"{mean(row[column] / other[column] for row, other in zip(rows, stock, strict=True)):.2f}"
        for column in ("mean_normalised_latency", "p99_e2e")
    )


def table(bound: Bound, arms: dict[str, Arm], seeds: Sequence[int]) -> list[str]:
    """Markdown: a line for each arm."""
    columns: dict[str, list[str]] = {}
    for name, draw in draws().items():
        study = Study(bound.setting, draw)
        stock = [study.row(Arm("stock"), bound.load, seed) for seed in seeds]
        columns[name] = [
            ratios([study.row(arm, bound.load, seed) for seed in seeds], stock)
            for arm in arms.values()
        ]
    lines = [f"### {bound.text}", "", "| level | ageing | " + " | ".join(columns) + " |"]
    lines += ["|---" * (2 + len(columns)) + "|"]
    cells = zip(arms, *columns.values(), strict=True)
    return [*lines, *("| " + " | ".join(line) + " |" for line in cells), ""]


def main() -> None:
    """Simulate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    arms = {"fcfs | -": Arm("fcfs")}
    for level in LEVELS:
        for rate in RATES:
            arms[f"{level:g} | {rate:g}"] = Arm("sejf", rate, level, priority=True)
    lines = [
        f"Latency per token @ p99 E2E, over stock's: mean over seeds 0 to {args.seeds - 1} of the "
        f"ratio within one. {REQUESTS} requests.",
        "",
    ]
    for bound in BOUNDS:
        lines += table(bound, arms, range(args.seeds))
    print("\n".join(lines))
    (args.out / "frontier.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
