"""How full to fill a KV cache: sejf by ``kv_overflow``, for several caches and engines.

    python -m tests.bench.overflow [--seeds 5] [--caches 12000] [--overflows 0.05] [--out DIR]

Simulated: CASTILLO's held-out prompts with their lengths, 1,000 requests, Poisson arrivals, load
1.15. A high ``kv_overflow`` pays where a token is cheap to compute again, and where most of a
step's time does not grow with the batch. A low one keeps more of the cache empty the fewer
requests the cache holds.
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
"""Step costs of an 8B model. The first are the defaults of ``StepCosts``; the second GPU reads 3.35
TB/s and computes three times as fast."""

CACHES = (12_000, 16_000, 24_000, 48_000)
OVERFLOWS = (0.02, 0.05, 0.1, 0.2, 0.35)
LOAD = 1.15
COLUMNS = ("mean_normalised_latency", "p99_e2e", "throughput_tokens", "preemptions")


def ratios(rows: Sequence[ReportRow], stock: Sequence[ReportRow]) -> list[str]:
    """Ratios of the means over the seeds: in some seeds stock has 0 preemptions."""
    return [f"{mean(rows, column) / mean(stock, column):.2f}" for column in COLUMNS]


def cells_by_overflow(
    study: Study, seeds: Sequence[int], overflows: Sequence[float]
) -> Iterator[list[str]]:
    """The cells of one line per ``kv_overflow``: the setting, then the ratios to stock."""
    stock = [study.row(Arm("stock"), LOAD, seed) for seed in seeds]
    for overflow in overflows:
        arm = Arm("sejf", overflow=overflow, priority=True)
        rows = [study.row(arm, LOAD, seed) for seed in seeds]
        yield [f"{study.setup.kv_tokens:,}", f"{overflow:g}", *ratios(rows, stock)]


def main() -> None:
    """Simulate, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--caches", default=",".join(map(str, CACHES)))
    parser.add_argument("--overflows", default=",".join(map(str, OVERFLOWS)))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    caches = [int(cache) for cache in args.caches.split(",")]
    overflows = [float(overflow) for overflow in args.overflows.split(",")]
    source = castillo_source(castillo.needed_data())
    text = [
        f"Simulated: sejf over stock at load {LOAD}. Each figure is the mean over seeds 0 to "
        f"{args.seeds - 1}, divided by the mean of stock.",
        "",
    ]
    for name, costs in ENGINES.items():
        head = "| KV tokens | kv_overflow | latency per token | p99 E2E | tokens/s | preemptions |"
        text += [f"### {name}", "", head, "|---" * 6 + "|"]
        for cache in caches:
            setup = EngineSetup(kv_tokens=cache, max_model_len=CASTILLO_CONTEXT, costs=costs)
            study = Study(setup, lambda seed: source.draw(1000, seed))
            for cells in cells_by_overflow(study, range(args.seeds), overflows):
                text.append("| " + " | ".join(cells) + " |")
        text.append("")
    print("\n".join(text))
    (args.out / "overflow.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
