"""``lengthwise simulate``: from the flags to the exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

from gateway.simulate import arm_options, options
from gateway.simulate.advice import advise
from gateway.simulate.experiment import Experiment
from gateway.simulate.flag_values import at_least, numbers
from gateway.simulate.inputs.reader import read_source
from gateway.simulate.length_classes import LengthClasses
from gateway.simulate.report import Report, heading
from gateway.simulate.study import ReportRow
from gateway.simulate.table import summary
from predictor.artefact.format import ArtefactError
from predictor.collect.progress import ProgressBar
from predictor.evaluation import plot_style
from predictor.exit_codes import bad_input, interrupted
from predictor.files import check_folder
from predictor.threads import one_thread
from scheduler.sim.arms import STOCK, Arm


def run(args: argparse.Namespace) -> int:
    """Simulate, print table and recommendation, and write the report.

    Returns the exit code: 0, 2 for bad input, or the code of an interruption by Ctrl-C.
    """
    try:
        one_thread()
        _run(args)
    except KeyboardInterrupt:
        return interrupted("stopped; no file was written")
    except (ArtefactError, ValueError, OSError, plot_style.PlotsError) as error:
        return bad_input(error)
    return 0


def _run(args: argparse.Namespace) -> None:
    plot_style.require_matplotlib()
    check_folder(args.out)
    budget = arm_options.latency_budget(args)
    experiment = _experiment(args)
    cells = list(_regime_map(args, experiment))
    args.out.mkdir(parents=True, exist_ok=True)
    total = experiment.runs + sum(cell.runs for cell in cells)
    progress = ProgressBar(total, 0, sys.stderr, unit="runs")
    classes = LengthClasses(experiment)
    rows = list(_counted(experiment.rows(classes.add), progress))
    mapped = [row for cell in cells for row in _counted(cell.rows(), progress)]
    progress.close()
    report = Report(rows, mapped, classes).write(args.out)  # before the output, which may be closed
    print(heading(experiment, rows))
    print(summary(rows))
    if budget is not None:
        print(f"\n{advise(rows, budget)}")
    print(f"\n{report}")


def _experiment(args: argparse.Namespace) -> Experiment:
    setup, arms = options.engine_setup(args), arm_options.arms(args)
    at_least("seeds", args.seeds, 1)
    source = read_source(args.requests, options.read_options(args))
    arrivals = options.arrival_process(args, source)
    return Experiment(
        source=source,
        setup=setup,
        arrivals=arrivals,
        arms=arms,
        loads=arm_options.loads(args, arrivals),
        seeds=range(args.seeds),
        count=options.request_count(args, source),
        streamed=options.streamed_share(args),
    )


def _regime_map(args: argparse.Namespace, experiment: Experiment) -> Iterator[Experiment]:
    """One experiment per KV capacity and sequence limit: stock and the first policy that ages."""
    if not args.regime_map:
        return
    limits = numbers(int, "map-seqs", args.map_seqs, 1, 65_536)
    capacities = numbers(int, "map-kv", args.map_kv, args.block_size, 1e9)
    policy = next((arm for arm in experiment.arms if arm.ages), Arm("sejf"))
    for kv_tokens in capacities:
        for limit in limits:
            setup = replace(experiment.setup, kv_tokens=kv_tokens, max_num_seqs=limit)
            yield replace(experiment, setup=setup, arms=[Arm(STOCK), policy])


def _counted(rows: Iterator[ReportRow], progress: ProgressBar) -> Iterator[ReportRow]:
    for row in rows:
        progress.step()
        yield row
