"""``lengthwise simulate``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.simulate import options, plots
from gateway.simulate.advice import advise
from gateway.simulate.classes import Classes
from gateway.simulate.inputs import read_source
from gateway.simulate.plan import Plan
from gateway.simulate.study import Row
from gateway.simulate.table import summary
from predictor.artefact.format import ArtefactError
from predictor.collect.progress import Progress
from predictor.evaluation import plot_style
from predictor.exits import bad_input, interrupted
from predictor.threads import one_thread
from scheduler.sim.arms import STOCK, Arm


def run(args: argparse.Namespace) -> int:
    """Simulate, print table and advice, write report.json and plots: 0; bad input: 2."""
    try:
        one_thread()
        _run(args)
    except KeyboardInterrupt:
        return interrupted("stopped, nothing is written")
    except (ArtefactError, ValueError, OSError, plot_style.PlotsError) as error:
        return bad_input(str(error))
    return 0


def _run(args: argparse.Namespace) -> None:
    plot_style.need()
    budget = options.budget(args)
    plan, grid = _plan(args), _grid(args)
    args.out.mkdir(parents=True, exist_ok=True)
    progress = Progress(plan.runs + len(grid) * _map(plan).runs, 0, sys.stderr, unit="runs")
    classes = Classes(plan)
    rows = list(_counted(plan.run(classes.add), progress))
    mapped = [row for p in _cells(plan, grid) for row in _counted(p.run(), progress)]
    progress.close()
    print(_heading(plan, rows))
    print(summary(rows))
    if budget is not None:
        print(f"\n{advise(rows, budget)}")
    _write(args.out, plan, rows, mapped, classes)


def _plan(args: argparse.Namespace) -> Plan:
    setting = options.setting(args)
    arms = options.arms(args)
    if args.seeds < 1:
        raise ValueError(f"--seeds {args.seeds}: give at least 1")
    source = read_source(args.requests, options.reading(args))
    arrivals = options.arrivals(args, source)
    return Plan(
        source=source,
        setting=setting,
        arrivals=arrivals,
        arms=arms,
        loads=options.loads(args, arrivals),
        seeds=range(args.seeds),
        count=options.count(args, source),
    )


def _grid(args: argparse.Namespace) -> list[tuple[int, int]]:
    """KV capacities and sequence limits of the regime map; empty if none is asked for."""
    if not args.regime_map:
        return []
    seqs = options.numbers(int, "map-seqs", args.map_seqs, 1, 65_536)
    kv = options.numbers(int, "map-kv", args.map_kv, args.block_size, 1e9)
    return [(tokens, limit) for tokens in kv for limit in seqs]


def _map(plan: Plan) -> Plan:
    """What runs in every cell of the map: the first policy that ages, and stock."""
    mine = next((arm for arm in plan.arms if arm.ages), Arm("sejf"))
    return replace(plan, arms=[Arm(STOCK), mine])


def _cells(plan: Plan, grid: Sequence[tuple[int, int]]) -> Iterator[Plan]:
    for kv_tokens, limit in grid:
        setting = replace(plan.setting, kv_tokens=kv_tokens, max_num_seqs=limit)
        yield replace(_map(plan), setting=setting)


def _counted(rows: Iterator[Row], progress: Progress) -> Iterator[Row]:
    for row in rows:
        progress.step()
        yield row


def _heading(plan: Plan, rows: Sequence[Row]) -> str:
    setting = plan.setting
    lines = [
        plan.source.title,
        f"{plan.count:,} requests a run, {plan.arrivals.name} arrivals, {len(plan.seeds)} seeds; "
        f"{setting.workers} x {setting.kv_tokens:,} KV tokens, {setting.max_num_seqs} sequences",
        f"load 1: {rows[0]['rate'] / rows[0]['load']:.3g} requests/s (seed 0)",
    ]
    if dropped := max(row["dropped"] for row in rows):
        lines.append(f"{dropped:,} requests fit no engine and were dropped, in every run")
    return "\n".join([*lines, ""])


def _write(out: Path, plan: Plan, rows: list[Row], mapped: list[Row], classes: Classes) -> None:
    files = {"report.json": json.dumps([*rows, *mapped], indent=1).encode() + b"\n"}
    with plot_style.styled():
        files["latency.png"] = plot_style.png(plots.against_load(rows))
        files["classes.png"] = plot_style.png(plots.by_class(classes.latencies, classes.load))
        if mapped:
            policy = next(row["policy"] for row in mapped if row["policy"] != STOCK)
            files["regimes.png"] = plot_style.png(plots.regimes(mapped, policy, STOCK))
    for name, data in files.items():
        stage = out / f".{name}.part"
        stage.write_bytes(data)
        os.replace(stage, out / name)
    print(f"\n{out / 'report.json'}")
