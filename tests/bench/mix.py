"""A mix of kinds of traffic: latency against stock, in the mean and for each kind.

    python -m tests.bench.mix FILE... [--regimes kv24,kv100,slots] [--streamed 1.0] [--out FILE]

Each FILE holds requests as JSON lines, as for ``lengthwise simulate --requests``; each is one seed.
The forecasts come from the shipped predictor and learn from a cold start, as the gateway's do. The
engine is a model of vLLM (an 8B model on a GPU of 1.5 TB/s) with a context of 20,000 tokens. The
arms of a file share requests and arrivals; ratios are taken within a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from gateway.simulate.engine_setup import EngineSetup
from gateway.simulate.inputs.forecasts import Forecasting
from gateway.simulate.inputs.json_lines import json_lines_source
from gateway.simulate.study import ReportRow, Study
from predictor.threads import one_thread
from scheduler.sim.arms import ORACLE, STOCK, Arm
from scheduler.sim.request import Request

CONTEXT = 20_000
REGIMES = {
    "kv24": EngineSetup(kv_tokens=24_000, max_num_seqs=256, max_model_len=CONTEXT),
    "kv100": EngineSetup(kv_tokens=100_000, max_num_seqs=256, max_model_len=CONTEXT),
    "slots": EngineSetup(kv_tokens=2_000_000, max_num_seqs=48, max_model_len=CONTEXT),
}
TITLES = {
    "kv24": "24,000 KV tokens, 256 sequences",
    "kv100": "100,000 KV tokens, 256 sequences",
    "slots": "48 sequences, ample KV memory",
}
LOADS = (0.7, 0.9, 1.05, 1.15)
ARMS = {
    STOCK: Arm(STOCK),
    "fcfs": Arm("fcfs", priority=True),
    "default": Arm("sejf", priority=True),
    ORACLE: Arm(ORACLE, priority=True),
}
KINDS = ("chat", "japanese", "tools", "agents", "reasoning", "multi-turn")
COLUMNS = ("mean_normalised_latency", "p99_e2e", "throughput_tokens")
_OPENING = 80
_TEMPLATE = 0.04


def kinds(bodies: Sequence[dict[str, Any]]) -> list[str]:
    """The kind of each request, by its form.

    Requests that share a long opening with many others are an agent's.
    """
    openings = Counter(_text(body)[:_OPENING] for body in bodies)
    usual = {text for text, n in openings.items() if n >= _TEMPLATE * len(bodies)}
    return [_kind(body, agents=_text(body)[:_OPENING] in usual) for body in bodies]


def _kind(body: dict[str, Any], *, agents: bool) -> str:
    if body.get("tools"):
        return "tools"
    if "qwen3" in body["model"].lower():
        return "reasoning"
    if any("\u3040" <= sign <= "\u30ff" for sign in _text(body)):
        return "japanese"
    if agents:
        return "agents"
    return "multi-turn" if len(body["messages"]) > 1 else "chat"


def _text(body: dict[str, Any]) -> str:
    content = body["messages"][-1].get("content")
    return content if isinstance(content, str) else ""


def with_kinds(study: Study, arm: Arm, load: float, names: Sequence[str]) -> ReportRow:
    """The row of one run, and the latency per token of each kind."""
    row, outcome = study.run(arm, load, 0)
    latencies: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for record, name in zip(outcome.records, names, strict=True):
        if record.normalised_latency is not None:
            latencies[name].append(record.normalised_latency)
    return row | {kind: mean(values) for kind, values in latencies.items() if values}


def runs(path: Path, regimes: Sequence[str], streamed: float, tier: str | None) -> list[ReportRow]:
    """The rows of one file: every regime, load and arm."""
    source = json_lines_source(path, Forecasting(tier=tier))
    names = kinds([json.loads(line) for line in path.open() if line.strip()])
    drawn = [share_streamed(request, streamed) for request in source.draw(source.size, 0)]
    rows: list[ReportRow] = []
    for regime in regimes:
        study = Study(REGIMES[regime], lambda _: drawn, forecaster=source.forecaster)
        for load in LOADS:
            print(path.name, regime, load, file=sys.stderr)
            for name, arm in ARMS.items():
                row = with_kinds(study, arm, load, [names[r.number] for r in drawn])
                rows.append(row | {"file": path.name, "regime": regime, "arm": name})
    return rows


def share_streamed(request: Request, share: float) -> Request:
    """The request, streamed or not: spread evenly over the requests of the file."""
    return replace(request, streamed=request.number * 0.618 % 1.0 < share)


def ratio(rows: Sequence[ReportRow], stock: Sequence[ReportRow], column: str) -> float:
    """Mean over the files of the ratio to stock."""
    pairs = zip(rows, stock, strict=True)
    return float(mean(row[column] / base[column] for row, base in pairs if column in base))


def gap_closed(ours: float, oracle: float) -> str:
    """The share of the gap from stock to the oracle in latency per token; "-" without a gap."""
    return f"{100 * (1 - ours) / (1 - oracle):.0f} %" if oracle < 0.9 else "-"


def table(rows: Sequence[ReportRow], regime: str) -> str:
    """Markdown: a line for each load and arm, ratios to stock."""
    head = ["load", "arm", "s/token", "gap closed", "p99 E2E", "tokens/s", "preempted", *KINDS]
    lines = [f"### {TITLES[regime]}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for load in LOADS:
        by_arm = {
            name: [r for r in rows if (r["regime"], r["load"], r["arm"]) == (regime, load, name)]
            for name in ARMS
        }
        stock = by_arm[STOCK]
        oracle = ratio(by_arm[ORACLE], stock, COLUMNS[0])
        for name, group in list(by_arm.items())[1:]:
            latency, p99, tokens = (ratio(group, stock, column) for column in COLUMNS)
            preempted = [mean(r["preemptions"] for r in some) for some in (group, stock)]
            cells = [f"{load:g}", name, f"{latency:.2f}", gap_closed(latency, oracle)]
            cells += [f"{p99:.2f}", f"{tokens:.2f}", f"{preempted[0]:.0f} of {preempted[1]:.0f}"]
            cells += [f"{ratio(group, stock, kind):.2f}" for kind in KINDS if kind in stock[0]]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Simulate, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--regimes", default=",".join(REGIMES))
    parser.add_argument("--streamed", type=float, default=1.0, metavar="SHARE")
    parser.add_argument("--tier", choices=("fast", "refined"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    one_thread()
    regimes = args.regimes.split(",")
    rows = [row for path in args.files for row in runs(path, regimes, args.streamed, args.tier)]
    text = [
        f"Simulated: {len(args.files)} files, {100 * args.streamed:g} % of the answers streamed. "
        "Each figure is the mean over the files of the ratio to stock within a file; preempted: "
        "means over the files. Gap closed: (stock - arm) / (stock - oracle) in s/token.",
        *(table(rows, regime) for regime in regimes),
    ]
    print("\n\n".join(text))
    if args.out is not None:
        args.out.write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    main()
