"""Is the simulator right? The same requests through a real vLLM and through its model.

    python -m tests.bench.validity [--requests 90] [--repeats 2] [--check] [--out DIR]

The engine is calibrated (one CPU core, the clients on the other) and serves held-out CASTILLO
prompts with their lengths at three loads, first come first served and shortest expected first. The
simulator gets the calibration, the same arrivals, the prompts as vLLM counts them and the forecasts
the gateway made. Load 1 is what the simulated engine achieves alone.

A small machine gets half as fast or twice within seconds. So requests are sent and timed by the
engine's own steps, priced by the calibration (``step_clock``): what is compared is who was in which
step, and how many there were. How many real seconds a priced one took is printed beside it: 1 on a
machine as fast as it was while calibrated. Real runs are repeated, and compared are the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gateway.calibrate.cost_model import CostModel
from gateway.calibrate.run import summary
from tests.bench.burst import CLIENT_CPU, ENGINE_CPU, MAX_NUM_SEQS, MODEL, bodies
from tests.bench.costs import measured_costs
from tests.bench.step_clock import ENGINE_FLAGS, step_clock
from tests.bench.validity_runs import (
    LOADS,
    MAX_OUTPUT,
    POLICIES,
    Comparison,
    Study,
    idle_latency,
    simulated,
)
from tests.vllm.engine import VllmServer

TOLERANCE = 0.15


def worst(found: Sequence[Comparison]) -> float:
    """The largest relative error, of means and p99s."""
    return max(abs(error) for one in found for error in one.errors)


def run(args: argparse.Namespace) -> tuple[list[Comparison], CostModel]:
    """All policies and loads, and what the engine's steps cost."""
    os.sched_setaffinity(0, CLIENT_CPU)
    requests = bodies(args.requests, args.seed, max_output=MAX_OUTPUT)
    engine = VllmServer(
        served_model_names=[MODEL],
        max_num_seqs=MAX_NUM_SEQS,
        cpus=ENGINE_CPU,
        extra_args=["--no-enable-prefix-caching", *ENGINE_FLAGS],
    )
    with engine as server:
        costs = measured_costs(server.url, args.budget_s)
        print(summary(costs), file=sys.stderr)
        with step_clock(server, costs.step_costs) as clock:
            asyncio.run(idle_latency(server.url))  # the first chats of an engine are slow
            found = simulated(server, requests)
            study = Study(server, costs, requests, found, args.seed, clock)
            observed = [
                one
                for _ in range(args.repeats)
                for policy in POLICIES
                for one in study.measure(policy)
            ]
    return [
        study.compare(
            policy, load, [one for one in observed if (one.policy, one.load) == (policy, load)]
        )
        for policy in POLICIES
        for load in LOADS
    ], costs


def row(found: Comparison) -> str:
    """A line of the table."""
    errors = "".join(f" {error:+.0%} |" for error in found.errors)
    return (
        f"| {found.policy} | {found.load} | {found.real_mean:.2f} | {found.simulated_mean:.2f} | "
        f"{found.real_p99:.2f} | {found.simulated_p99:.2f} |{errors} "
        f"{', '.join(f'{pace:.2f}' for pace in found.paces)} |"
    )


def heading(requests: int, repeats: int) -> str:
    """What was measured, in a paragraph."""
    return (
        f"End-to-end latency of {requests} requests on a real vLLM and in the simulator; real "
        f"figures are medians over {repeats} repeats. Seconds are the engine's own steps at "
        "calibrated prices. Errors: simulated / real - 1.\n\n"
    )


def table(found: Sequence[Comparison]) -> str:
    """Markdown: a line for each policy and load."""
    head = "| policy | load | mean E2E, s | simulated | p99 E2E, s | simulated | mean, error | "
    head += "p99, error | real seconds for a priced one |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *map(row, found)])


def main() -> None:
    """Measure, print the table, write the report; with --check fail beyond the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget-s", type=float, default=20.0, help="of the calibration")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="of --check")
    args = parser.parse_args()
    found, costs = run(args)
    text = heading(args.requests, args.repeats) + table(found)
    print(text)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "validity.md").write_text(text + "\n")
        data = {"runs": [asdict(one) for one in found], "cost_model": costs.model_dump()}
        (args.out / "validity.json").write_text(json.dumps(data, indent=1) + "\n")
    if args.check:
        off = worst(found)
        assert off <= args.tolerance, (
            f"the simulator is off by {off:.0%}, over {args.tolerance:.0%}"
        )


if __name__ == "__main__":
    main()
