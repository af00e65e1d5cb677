"""What each part of the scheduler is worth: policies, ageing, levels, admission, in simulation.

    python -m tests.bench.scheduling [--seeds 5] [--model NAME] [--tier refined] [--out DIR]

CASTILLO's held-out prompts with their real lengths, forecast by the shipped predictor, before a
model of vLLM (an 8B model on a GPU of 1.5 TB/s): bound by KV memory (24,000 tokens, 256 sequences)
and by sequences (48, ample memory), Poisson arrivals and the bursts of an hour of Azure's chats.
All arms see the same requests and arrivals; ratios are taken within a seed. The engine runs under
``--scheduling-policy priority`` for the default alone: the others change one thing of the second.
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
    """A setting with the requests that each seed draws."""
    folder = castillo.needed_data()
    source = castillo_source(folder, model=model, tier=tier)
    times: list[float] = []
    if arrivals != "poisson":
        table = pq.read_table(folder / f"traces_{arrivals}.parquet", columns=["t"])
        times = sorted(table["t"].to_numpy().tolist())
    setting = KV_BOUND if bound == "kv" else SEQUENCE_BOUND
    return Study(
        setting, lambda seed: source.draw(requests, seed), ArrivalProcess(arrivals, times=times)
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
    found = [
        row[column] / max(other[column], 1e-9) for row, other in zip(rows, control, strict=True)
    ]
    return f"{mean(found):.2f} ({min(found):.2f}..{max(found):.2f})"


def closed(rows: list[ReportRow], fcfs: list[ReportRow], oracle: list[ReportRow]) -> str:
    """Which part of the way from fcfs to the oracle, in mean normalised latency."""
    column = "mean_normalised_latency"
    ours, worst, best = (mean(row[column] for row in found) for found in (rows, fcfs, oracle))
    return f"{100 * (worst - ours) / (worst - best):.0f} %" if worst > 1.02 * best else "-"


def table(rows: list[ReportRow], title: str) -> str:
    """Markdown: one line an arm, seconds and ratios to stock."""
    head = ["", "s/token", "of stock", "gap closed", "p99 E2E s", "of stock", "of fcfs"]
    head += ["tokens/s", "preempted", "longest wait s"]
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    by_arm = {name: [row for row in rows if row["policy"] == name] for name in ARMS}
    stock, fcfs, oracle = (by_arm[name] for name in ("stock", "fcfs", "oracle"))
    for name, found in by_arm.items():
        preempted = mean(row["preemptions"] for row in found)
        cells = [
            name,
            f"{mean(row['mean_normalised_latency'] for row in found):.4f}",
            ratio(found, stock, "mean_normalised_latency"),
            closed(found, fcfs, oracle),
            f"{mean(row['p99_e2e'] for row in found):.1f}",
            ratio(found, stock, "p99_e2e"),
            f"{mean(r['p99_e2e'] / c['p99_e2e'] for r, c in zip(found, fcfs, strict=True)):.2f}",
            ratio(found, stock, "throughput_tokens"),
            f"{preempted:.0f}",
            f"{mean(row['max_wait'] for row in found):.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Simulate, print the tables, write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--model", default=MODEL, help="one of CASTILLO's")
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
