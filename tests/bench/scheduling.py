"""The effect of each part of the scheduler: policies, ageing, levels and admission, simulated.

    python -m tests.bench.scheduling [--seeds 5] [--model NAME] [--tier refined] [--out DIR]

CASTILLO's held-out prompts with their real lengths, forecast by the shipped predictor. The engine
is a model of vLLM (an 8B model on a GPU of 1.5 TB/s), KV-bound (24,000 tokens, 256 sequences) and
sequence-bound (48 sequences, ample KV memory). Arrivals are Poisson, and the bursts of an hour of
Azure's chats. All arms see the same requests and arrivals; ratios are taken within a seed.

Only the default arm runs the engine under ``--scheduling-policy priority``. Every other sejf arm
changes one setting of "sejf, vLLM by arrival".
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import mean

import pyarrow.parquet as pq

from gateway.simulate.arrival_process import ArrivalProcess
from gateway.simulate.engine_setup import EngineSetup
from gateway.simulate.inputs.castillo import MODEL, castillo_source
from gateway.simulate.inputs.forecasts import Forecasting
from gateway.simulate.options import CASTILLO_CONTEXT as CONTEXT
from gateway.simulate.study import ReportRow, Study
from scheduler.policy import AGEING
from scheduler.sim.arms import Arm
from tests import castillo

KV_BOUND = EngineSetup(kv_tokens=24_000, max_num_seqs=256, max_model_len=CONTEXT)
SEQUENCE_BOUND = EngineSetup(kv_tokens=2_000_000, max_num_seqs=48, max_model_len=CONTEXT)
LOADS = {"kv": (0.7, 1.15), "sequences": (0.7, 1.0, 1.05)}
TITLES = {"kv": "KV-bound", "sequences": "Sequence-bound"}
ARMS = {
    "stock": Arm("stock"),
    "fcfs": Arm("fcfs"),
    "sejf (default)": Arm("sejf", AGEING, priority=True),
    "sejf, vLLM by arrival": Arm("sejf", AGEING),
    "sejf, engine admits": Arm("sejf", AGEING, forecast_kv=False),
    "sejf, always cautious": Arm("sejf", AGEING, full_caution=0.0),
    "sejf, overflow 0.5": Arm("sejf", AGEING, overflow=0.5),
    "sejf, overflow 0.005": Arm("sejf", AGEING, overflow=0.005),
    "sejf, ageing 0.05": Arm("sejf", 0.05),
    "sejf, ageing 0.2": Arm("sejf", 0.2),
    "sejf, ageing 0.5": Arm("sejf", 0.5),
    "sept": Arm("sept", AGEING),
    "sept, ageing 0.5": Arm("sept", 0.5),
    "boost": Arm("boost", AGEING),
    "kv_volume": Arm("kv_volume", AGEING),
    "tail_aware": Arm("tail_aware", AGEING),
    "gittins": Arm("gittins", AGEING),
    "sjf_prompt": Arm("sjf_prompt", AGEING),
    "slo": Arm("slo"),
    "oracle": Arm("oracle", AGEING),
}


def study(
    bound: str, arrivals: str, requests: int, model: str = MODEL, tier: str = "fast"
) -> Study:
    """A regime (``bound``: "kv" or "sequences") with the requests that each seed draws."""
    folder = castillo.needed_data()
    source = castillo_source(folder, model=model, how=Forecasting(tier=tier))
    times: list[float] = []
    if arrivals != "poisson":
        table = pq.read_table(folder / f"traces_{arrivals}.parquet", columns=["t"])
        times = sorted(table["t"].to_numpy().tolist())
    setup = KV_BOUND if bound == "kv" else SEQUENCE_BOUND
    return Study(
        setup, lambda seed: source.draw(requests, seed), ArrivalProcess(arrivals, times=times)
    )


def runs(study: Study, load: float, seeds: int) -> list[ReportRow]:
    """The rows of every arm; ``policy`` in a row is the arm's name in ``ARMS``."""
    return [
        study.row(arm, load, seed) | {"policy": name}
        for seed in range(seeds)
        for name, arm in ARMS.items()
    ]


def ratio(rows: list[ReportRow], control: list[ReportRow], column: str) -> str:
    """Mean over the seeds of the ratio, with the least and the greatest."""
    ratios = [
        row[column] / max(other[column], 1e-9) for row, other in zip(rows, control, strict=True)
    ]
    return f"{mean(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"


def gap_closed(rows: list[ReportRow], fcfs: list[ReportRow], oracle: list[ReportRow]) -> str:
    """The closed share of the gap from fcfs to the oracle, in mean normalised latency."""
    column = "mean_normalised_latency"
    ours, worst, best = (mean(row[column] for row in group) for group in (rows, fcfs, oracle))
    return f"{100 * (worst - ours) / (worst - best):.0f} %" if worst > 1.02 * best else "-"


def table(rows: list[ReportRow], title: str) -> str:
    """Markdown with a line per arm: seconds, and ratios to stock."""
    head = ["", "s/token", "of stock", "gap closed", "p99 E2E s", "of stock", "of fcfs"]
    head += ["tokens/s", "preempted", "longest wait s"]
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    by_arm = {name: [row for row in rows if row["policy"] == name] for name in ARMS}
    stock, fcfs, oracle = (by_arm[name] for name in ("stock", "fcfs", "oracle"))
    for name, group in by_arm.items():
        preempted = mean(row["preemptions"] for row in group)
        cells = [
            name,
            f"{mean(row['mean_normalised_latency'] for row in group):.4f}",
            ratio(group, stock, "mean_normalised_latency"),
            gap_closed(group, fcfs, oracle),
            f"{mean(row['p99_e2e'] for row in group):.1f}",
            ratio(group, stock, "p99_e2e"),
            f"{mean(r['p99_e2e'] / c['p99_e2e'] for r, c in zip(group, fcfs, strict=True)):.2f}",
            ratio(group, stock, "throughput_tokens"),
            f"{preempted:.0f}",
            f"{mean(row['max_wait'] for row in group):.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Simulate, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--model", default=MODEL, help="model in CASTILLO")
    parser.add_argument("--tier", choices=("fast", "refined"), default="fast")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    text = [
        f"Simulated: {args.requests} requests of {args.model} in each run, {args.tier} tier, seeds "
        f"0 to {args.seeds - 1}. KV-bound: {KV_BOUND.kv_tokens:,} KV tokens, "
        f"{KV_BOUND.max_num_seqs} sequences. Sequence-bound: {SEQUENCE_BOUND.max_num_seqs} "
        "sequences. A ratio is the mean over the seeds of the ratio within a seed, in brackets the "
        "least and the greatest; all other figures are means over the seeds. Gap closed: (fcfs - "
        "arm) / (fcfs - oracle) in s/token."
    ]
    for bound, loads in LOADS.items():
        for arrivals in ("poisson", "azure2023_conv"):
            studied = study(bound, arrivals, args.requests, args.model, args.tier)
            for load in loads:
                print(bound, arrivals, load, file=sys.stderr)
                rows = runs(studied, load, args.seeds)
                text.append(table(rows, f"{TITLES[bound]}, {arrivals} arrivals, load {load}"))
    print("\n\n".join(text))
    (args.out / "scheduling.md").write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    main()
