"""Validity of the simulator: the same requests on a real vLLM and on its model.

    python -m tests.bench.validity [--requests 90] [--repeats 2] [--check] [--out DIR]

The engine is calibrated (one CPU core, the clients on the other). It runs held-out CASTILLO prompts
with their lengths at three loads, under fcfs and sejf. The simulator gets the calibration, the same
arrivals, the prompt sizes that vLLM counts and the forecasts that the gateway made. Load 1 is the
rate that the simulated engine achieves alone.

A small machine gets half as fast or twice as fast within seconds. Requests are therefore sent and
timed by the engine's own steps, priced by the calibration (``step_clock``): the comparison is about
which requests were in which step, and how many steps there were. The table also shows the real
seconds per priced second: 1 on a machine as fast as during the calibration. Real runs are repeated;
their medians are compared.
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
    ValidityStudy,
    idle_latency,
    simulated_requests,
)
from tests.vllm.engine import VllmServer

TOLERANCE = 0.15


def largest_error(comparisons: Sequence[Comparison]) -> float:
    """The largest relative error of a mean, or of a p99 in order of arrival."""
    errors = [comparison.errors[0] for comparison in comparisons]
    errors += [one.errors[1] for one in comparisons if one.policy == "fcfs"]
    return max(map(abs, errors))


def largest_reordered_p99_error(comparisons: Sequence[Comparison]) -> float:
    """The largest relative error of a p99 under a policy that reorders."""
    return max(abs(one.errors[1]) for one in comparisons if one.policy != "fcfs")


def run(args: argparse.Namespace) -> tuple[list[Comparison], CostModel]:
    """The comparison of every policy and load, and the engine's step costs."""
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
            asyncio.run(idle_latency(server.url))  # an engine's first requests are slow
            simulated = simulated_requests(server, requests)
            study = ValidityStudy(server, costs, requests, simulated, args.seed, clock)
            observed = [
                real
                for _ in range(args.repeats)
                for policy in POLICIES
                for real in study.measure(policy)
            ]
    return [
        study.compare(
            policy, load, [real for real in observed if (real.policy, real.load) == (policy, load)]
        )
        for policy in POLICIES
        for load in LOADS
    ], costs


def row(comparison: Comparison) -> str:
    """A line of the table."""
    errors = "".join(f" {error:+.0%} |" for error in comparison.errors)
    return (
        f"| {comparison.policy} | {comparison.load} | {comparison.real_mean:.2f} | "
        f"{comparison.simulated_mean:.2f} | "
        f"{comparison.real_p99:.2f} | {comparison.simulated_p99:.2f} |{errors} "
        f"{', '.join(f'{pace:.2f}' for pace in comparison.paces)} |"
    )


def heading(requests: int, repeats: int) -> str:
    """What was measured, in a paragraph."""
    return (
        f"End-to-end latency of {requests} requests on a real vLLM and in the simulator; real "
        f"figures are medians over {repeats} repeats. Seconds are the engine's own steps at "
        "calibrated prices. Errors: simulated / real - 1.\n\n"
    )


def table(comparisons: Sequence[Comparison]) -> str:
    """Markdown: a line for each policy and load."""
    head = "| policy | load | mean E2E, s | simulated | p99 E2E, s | simulated | mean, error | "
    head += "p99, error | real seconds for a priced one |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *map(row, comparisons)])


def main() -> None:
    """Measure, print the table, write the report; --check fails above the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget-s", type=float, default=20.0, help="seconds for the calibration")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="of --check")
    parser.add_argument(
        "--reordered-p99-tolerance",
        type=float,
        default=TOLERANCE,
        help="of --check, for the p99 under policies that reorder",
    )
    args = parser.parse_args()
    comparisons, costs = run(args)
    text = heading(args.requests, args.repeats) + table(comparisons)
    print(text)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "validity.md").write_text(text + "\n")
        data = {"runs": [asdict(one) for one in comparisons], "cost_model": costs.model_dump()}
        (args.out / "validity.json").write_text(json.dumps(data, indent=1) + "\n")
    if args.check:
        off = largest_error(comparisons)
        assert off <= args.tolerance, (
            f"the simulator is off by {off:.0%}, over {args.tolerance:.0%}"
        )
        off = largest_reordered_p99_error(comparisons)
        assert off <= args.reordered_p99_tolerance, (
            f"a reordered p99 is off by {off:.0%}, over {args.reordered_p99_tolerance:.0%}"
        )


if __name__ == "__main__":
    main()
