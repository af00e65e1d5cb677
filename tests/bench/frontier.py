"""p99 latency against mean latency: sejf by level and ageing, with forecasts and true lengths.

    python -m tests.bench.frontier [--seeds 12] [--out DIR]

Simulated: the two regimes of ``tests.bench.sustained`` with the step costs of that benchmark's
engine, 400 requests, Poisson arrivals, answers of up to 1,000 tokens. Ratios are to stock on the
same requests.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

from gateway.simulate.engine_setup import EngineSetup
from gateway.simulate.inputs.castillo import castillo_source
from gateway.simulate.options import CASTILLO_CONTEXT
from gateway.simulate.study import ReportRow, Study
from scheduler.length import LengthDistribution
from scheduler.sim.arms import Arm
from scheduler.sim.costs import StepCosts
from scheduler.sim.request import Request
from tests import castillo
from tests.bench.sustained import BLOCK, MAX_OUTPUT, REGIMES, REQUESTS, Regime

COSTS = StepCosts(
    base=2.1e-3,
    per_sequence=1.8e-4,
    per_kv_token=3.3e-7,
    per_prefill_token=3.1e-5,
    per_request=5.0e-3,
)
"""vLLM's CPU build with a tiny model, on one core of the machine of the published results."""

Draws = dict[str, Callable[[int], list[Request]]]
"""Title of the forecasts -> requests by seed."""

AMPLE_KV_TOKENS = 2_000_000
LEVELS = (1.2, 0.85, 0.7, 0.5, 0.35, 0.25)
RATES = (0.05, 0.1, 0.2)


def engine_setup(regime: Regime) -> EngineSetup:
    """The regime's engine in the form that the simulator takes."""
    return EngineSetup(
        kv_tokens=regime.kv_blocks * BLOCK if regime.kv_blocks else AMPLE_KV_TOKENS,
        max_num_seqs=regime.max_num_seqs,
        max_model_len=CASTILLO_CONTEXT,
        block_size=BLOCK,
        costs=COSTS,
    )


def with_true_length(request: Request) -> Request:
    """The request with its true length as the forecast."""
    return replace(request, length=LengthDistribution.point(request.output_tokens))


def draws() -> Draws:
    """Requests by seed: forecast by the shipped predictor, and with true lengths."""
    source = castillo_source(castillo.needed_data())

    def ours(seed: int) -> list[Request]:
        drawn = source.draw(10 * REQUESTS, seed)
        return [request for request in drawn if request.output_tokens <= MAX_OUTPUT][:REQUESTS]

    return {
        "our forecasts": ours,
        "true lengths": lambda seed: [with_true_length(request) for request in ours(seed)],
    }


def ratios(rows: Sequence[ReportRow], stock: Sequence[ReportRow]) -> str:
    """Latency per token @ p99 E2E: the mean over the seeds of the ratio within a seed."""
    return " @ ".join(
        f"{mean(row[column] / other[column] for row, other in zip(rows, stock, strict=True)):.2f}"
        for column in ("mean_normalised_latency", "p99_e2e")
    )


def table(regime: Regime, draws: Draws, arms: dict[str, Arm], seeds: Sequence[int]) -> list[str]:
    """Markdown with a line per arm."""
    columns: dict[str, list[str]] = {}
    for name, draw in draws.items():
        study = Study(engine_setup(regime), draw)
        stock = [study.row(Arm("stock"), regime.load, seed) for seed in seeds]
        columns[name] = [
            ratios([study.row(arm, regime.load, seed) for seed in seeds], stock)
            for arm in arms.values()
        ]
    lines = [f"### {regime.text}", "", "| level | ageing | " + " | ".join(columns) + " |"]
    lines += ["|---" * (2 + len(columns)) + "|"]
    cells = zip(arms, *columns.values(), strict=True)
    return [*lines, *("| " + " | ".join(line) + " |" for line in cells), ""]


def main() -> None:
    """Simulate, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    arms = {"fcfs | -": Arm("fcfs")}
    for level in LEVELS:
        for rate in RATES:
            arms[f"{level:g} | {rate:g}"] = Arm("sejf", rate, level, priority=True)
    lines = [
        f"Simulated: {REQUESTS} requests in each run. Each cell is latency per token @ p99 E2E "
        f"over stock's: the mean over seeds 0 to {args.seeds - 1} of the ratio within a seed.",
        "",
    ]
    drawn = draws()
    for regime in REGIMES:
        lines += table(regime, drawn, arms, range(args.seeds))
    print("\n".join(lines))
    (args.out / "frontier.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
