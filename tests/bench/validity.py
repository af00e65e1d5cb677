"""Is the simulator right? The same requests through a real vLLM and through its model.

    python -m tests.bench.validity [--requests 90] [--repeats 2] [--check] [--out DIR]

The engine is calibrated as it runs (one CPU core, the clients on the other) and serves held-out
CASTILLO prompts with their lengths at three loads, first come first served and shortest expected
first. The simulator gets the calibration, the same arrivals, the prompts as vLLM counts them and
the forecasts the gateway made. Load 1 is what the simulated engine achieves alone.

A small machine gets half as fast or twice within seconds. So requests are sent and timed by the
engine's clock (``engine_clock``), and each run is simulated at the mean speed that the engine had
in it: all costs are multiplied by the factor that makes the simulated engine busy for as long as it
was (its CPU time, over what it uses in a second with work all the time). That is one number for
each run, which is printed; the shape of the costs stays the calibration's. Real runs are repeated,
and compared are the medians over the repeats.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.calibrate.plan import Calibration
from gateway.calibrate.run import cost_model, summary
from gateway.cost_model import CostModel
from scheduler.sim.capacity import capacity
from tests.bench.burst import CLIENT_CPU, ENGINE_CPU, MAX_NUM_SEQS, MODEL, bodies
from tests.bench.engine_clock import engine_clock
from tests.bench.validity_runs import (
    LOADS,
    MAX_OUTPUT,
    POLICIES,
    Comparison,
    Observed,
    Study,
    measure_costs,
    merged,
    simulated,
)
from tests.vllm.engine import VllmServer

TOLERANCE = 0.15


@dataclass(slots=True)
class Session:
    """What has been measured of an engine so far."""

    study: Study
    calibrations: list[Calibration]
    observed: list[Observed] = field(default_factory=list)
    repeats: int = 0

    def repeat(self, budget_s: float) -> None:
        """Every policy at every load once more, and a calibration after it."""
        for policy in POLICIES:
            self.observed += self.study.measure(policy)
        self.calibrations.append(asyncio.run(measure_costs(self.study.server.url, budget_s)))
        self.repeats += 1
        print(summary(cost_model(self.calibrations[-1])), file=sys.stderr)

    def compared(self) -> tuple[list[Comparison], CostModel]:
        """All policies and loads, and the costs that were used."""
        costs = merged(deepcopy(self.calibrations))
        cells = [(policy, load) for policy in POLICIES for load in LOADS]
        runs = {
            cell: [run for run in self.observed if (run.policy, run.load) == cell] for cell in cells
        }
        return [self.study.compare(*cell, runs[cell], costs) for cell in cells], costs


def worst(found: Sequence[Comparison]) -> float:
    """The largest relative error, of means and p99s."""
    return max(abs(error) for one in found for error in one.errors)


def run(args: argparse.Namespace) -> tuple[list[Comparison], CostModel]:
    """Repeat as often as asked for, or until the errors are small enough."""
    os.sched_setaffinity(0, CLIENT_CPU)
    requests = bodies(args.requests, args.seed, max_output=MAX_OUTPUT)
    engine = VllmServer(
        served_model_names=[MODEL],
        max_num_seqs=MAX_NUM_SEQS,
        cpus=ENGINE_CPU,
        extra_args=["--no-enable-prefix-caching"],
    )
    with engine as server, engine_clock(ENGINE_CPU) as clock:
        study = Study(server, requests, simulated(server, requests), args.seed, clock)
        session = Session(study, [asyncio.run(measure_costs(server.url, args.budget_s))])
        study.rate = capacity(study.simulated, study.engines(cost_model(session.calibrations[0])))
        while True:
            session.repeat(args.budget_s)
            found, costs = session.compared()
            if session.repeats >= args.repeats and worst(found) <= args.tolerance:
                break
            if session.repeats >= max(args.repeats, args.most_repeats):
                break
    print(summary(costs), file=sys.stderr)
    return found, costs


def row(found: Comparison) -> str:
    """A line of the table."""
    errors = "".join(f" {error:+.0%} |" for error in found.errors)
    return (
        f"| {found.policy} | {found.load} | {found.real_mean:.2f} | {found.simulated_mean:.2f} | "
        f"{found.real_p99:.2f} | {found.simulated_p99:.2f} |{errors} "
        f"{', '.join(f'{speed:.2f}' for speed in found.speeds)} |"
    )


def table(found: Sequence[Comparison]) -> str:
    """Markdown."""
    head = "| policy | load | mean E2E, s | simulated | p99 E2E, s | simulated | mean | p99 | "
    head += "cost factors |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *map(row, found)])


def main() -> None:
    """Measure, print the table, write the report; with --check fail beyond the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--most-repeats", type=int, default=0, help="while errors are too large")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget-s", type=float, default=8.0, help="of each calibration")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="of --check")
    args = parser.parse_args()
    found, costs = run(args)
    print(table(found))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "validity.md").write_text(table(found) + "\n")
        data = {"runs": [asdict(one) for one in found], "cost_model": costs.model_dump()}
        (args.out / "validity.json").write_text(json.dumps(data, indent=1) + "\n")
    if args.check:
        off = worst(found)
        assert off <= args.tolerance, (
            f"the simulator is off by {off:.0%}, over {args.tolerance:.0%}"
        )


if __name__ == "__main__":
    main()
