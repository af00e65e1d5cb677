"""How full to fill a KV cache: sejf by ``kv_overflow``, over caches and engines.

    python -m tests.bench.overflow [--seeds 5] [--out DIR]

Simulated: CASTILLO's held-out prompts with their lengths, 1,000 requests, Poisson arrivals, load
1.15. The less a token costs to compute again, and the more of a step's time does not grow with the
batch, the more boldness pays; and the fewer requests a cache holds, the more of it caution keeps
empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.simulate.engine_setup import EngineSetup
from gateway.simulate.inputs.castillo import castillo_source
from gateway.simulate.options import CASTILLO_CONTEXT
from gateway.simulate.study import ReportRow, Study, mean
from scheduler.sim.arms import Arm
from scheduler.sim.costs import StepCosts
from tests import castillo

ENGINES = {
    "12 ms a step, 100 us a prompt token (A100)": StepCosts(),
    "8 ms a step, 35 us a prompt token (H100)": StepCosts(
        base=8e-3, per_sequence=20e-6, per_kv_token=40e-9, per_prefill_token=35e-6
    ),
}
"""An 8B model's: for the first see ``StepCosts``; the second reads 3.35 TB/s and computes three
times as fast."""

CACHES = (12_000, 16_000, 24_000, 48_000)
OVERFLOWS = (0.02, 0.05, 0.1, 0.2, 0.35)
LOAD = 1.15
COLUMNS = ("mean_normalised_latency", "p99_e2e", "throughput_tokens", "preemptions")


def ratios(rows: Sequence[ReportRow], stock: Sequence[ReportRow]) -> list[str]:
    """Ratios of the means over the seeds: in some of them stock preempts nobody."""
    return [f"{mean(rows, column) / mean(stock, column):.2f}" for column in COLUMNS]


def lines(study: Study, seeds: Sequence[int]) -> Iterator[list[str]]:
    """The setting, and what came of it."""
    stock = [study.row(Arm("stock"), LOAD, seed) for seed in seeds]
    for overflow in OVERFLOWS:
        arm = Arm("sejf", overflow=overflow, priority=True)
        rows = [study.row(arm, LOAD, seed) for seed in seeds]
        yield [f"{study.setup.kv_tokens:,}", f"{overflow:g}", *ratios(rows, stock)]


def main() -> None:
    """Simulate, print the tables, write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    pool = castillo_source(castillo.needed_data())
    text = [
        f"Simulated: sejf over stock at load {LOAD}. Each figure is the mean over seeds 0 to "
        f"{args.seeds - 1}, divided by the mean of stock.",
        "",
    ]
    for name, costs in ENGINES.items():
        head = "| KV tokens | kv_overflow | latency per token | p99 E2E | tokens/s | preemptions |"
        text += [f"### {name}", "", head, "|---" * 6 + "|"]
        for cache in CACHES:
            setting = EngineSetup(kv_tokens=cache, max_model_len=CASTILLO_CONTEXT, costs=costs)
            study = Study(setting, lambda seed: pool.draw(1000, seed))
            for cells in lines(study, range(args.seeds)):
                text.append("| " + " | ".join(cells) + " |")
        text.append("")
    print("\n".join(text))
    (args.out / "overflow.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
