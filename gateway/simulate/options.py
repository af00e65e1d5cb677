"""From the arguments of ``lengthwise simulate`` to what is run, or a message that says why not."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from gateway.calibrate.cost_model import load_cost_model
from gateway.simulate.castillo import MODEL
from gateway.simulate.inputs import Options, read_times
from gateway.simulate.source import Source
from gateway.simulate.study import MAX_MODEL_LEN, Arrivals, Setting
from predictor.data.records import DataError
from scheduler.sim.arms import STOCK, Arm
from scheduler.sim.costs import StepCosts

Number = TypeVar("Number", int, float)

CASTILLO_COUNT = 2000
CASTILLO_CONTEXT = 4096
"""Cuts the answers that never end, one in a thousand, as servers and clients do. One of 15,000
tokens takes as much KV memory x time as some hundreds of others."""
LOADS = "0.7,0.9,1.0,1.1"


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that p99 end-to-end latency may be: ``relative`` to that of fcfs, or seconds."""

    value: float
    relative: bool


def reading(args: argparse.Namespace) -> Options:
    """How the requests are read."""
    if not 0 <= args.forecast_sigma <= 5:
        raise ValueError(f"--forecast-sigma {args.forecast_sigma}: give a number from 0 to 5")
    return Options(
        data=args.data,
        model=args.model or MODEL,
        model_dir=args.model_dir,
        tier=args.tier,
        held_out=args.prompts == "held-out",
        sigma=args.forecast_sigma,
    )


def setting(args: argparse.Namespace) -> Setting:
    """The engines; what the flags leave open, the cost model's file may say.

    Raises:
        ValueError: a limit is impossible, or the file cannot be used.
    """
    costs, kv_tokens, max_num_seqs, context = StepCosts(), None, None, None
    if args.cost_model is not None:
        model = load_cost_model(args.cost_model)
        costs = model.step_costs
        kv_tokens, max_num_seqs = model.limits.kv_tokens, model.limits.max_num_seqs
        context = model.limits.max_model_len
    made = Setting(
        kv_tokens=args.kv_tokens or kv_tokens or 24_000,
        max_num_seqs=args.max_num_seqs or max_num_seqs or 256,
        workers=args.workers,
        block_size=args.block_size,
        max_num_batched_tokens=args.max_num_batched_tokens,
        max_model_len=args.max_model_len or context or _usual_context(args),
        costs=costs,
    )
    for flag in ("workers", "block_size", "max_num_seqs", "max_num_batched_tokens"):
        _at_least(flag, getattr(made, flag), 1)
    _at_least("kv_tokens", made.kv_tokens, made.block_size)
    return made


def _usual_context(args: argparse.Namespace) -> int:
    return CASTILLO_CONTEXT if args.requests is None else MAX_MODEL_LEN


def count(args: argparse.Namespace, source: Source) -> int:
    """Requests in a run."""
    if args.count is not None:
        _at_least("count", args.count, 1)
        return int(args.count)
    return CASTILLO_COUNT if args.requests is None else source.size


def arrivals(args: argparse.Namespace, source: Source) -> Arrivals:
    """How they arrive.

    Raises:
        ValueError: there are no such arrivals.
    """
    asked = args.arrivals or ("own" if source.times else "poisson")
    name, _, cv = asked.partition(":")
    if asked == "poisson":
        return Arrivals("poisson")
    if name == "gamma":
        return Arrivals("gamma", cv=_number(float, "arrivals", cv or "2", 0.05, 50))
    if asked == "own":
        if not source.times:
            raise ValueError(
                "--arrivals own: the requests have no arrivals of their own; give poisson, "
                "gamma or a trace"
            )
        return Arrivals("own", times=source.times, own=True)
    path = Path(asked)
    try:
        return Arrivals(path.stem, times=read_times(path))
    except DataError as error:
        raise ValueError(f"--arrivals {asked}: {error}") from error


def loads(args: argparse.Namespace, arrivals: Arrivals) -> list[float | None]:
    """The loads; None is that of the trace as it is."""
    asked = (args.loads or LOADS).split(",")
    if "own" in asked and not arrivals.times:
        raise ValueError(f"--loads own: {arrivals.name} arrivals have no rate; give numbers")
    return [None if one == "own" else _number(float, "loads", one, 0.01, 100) for one in asked]


def arms(args: argparse.Namespace) -> list[Arm]:
    """The policies, once with every setting that matters; fcfs where a budget refers to it.

    Raises:
        ValueError: a policy is unknown, or a setting out of bounds.
    """
    if not 0 <= args.gateway_latency <= 60:
        raise ValueError(f"--gateway-latency {args.gateway_latency}: give seconds from 0 to 60")
    _at_least("engine_queue", args.engine_queue, 0)
    rates = numbers(float, "ageing", args.ageing, 0.0, 100.0)
    levels = numbers(float, "level", args.level, 1e-3, 1000.0)
    overflows = numbers(float, "kv-overflow", args.kv_overflow, 1e-6, 0.5)
    names = list(dict.fromkeys(name.strip() for name in args.policies.split(",")))
    if args.p99_budget and "fcfs" not in names:
        names.append("fcfs")
    made: list[Arm] = []
    for name in names:
        try:
            arm = Arm(
                name,
                engine_queue=args.engine_queue,
                priority=args.scheduling_policy == "priority",
                tenants=args.tenants,
                latency=0.0 if name == STOCK else args.gateway_latency,
            )
        except ValueError as error:
            raise ValueError(f"--policies {args.policies}: {error}") from error
        made += [
            replace(arm, ageing=rate, level=level, overflow=overflow)
            for rate in (rates if arm.ages else rates[:1])
            for level in (levels if arm.levels else levels[:1])
            for overflow in (overflows if arm.forecasts_kv else overflows[:1])
        ]
    return made


def budget(args: argparse.Namespace) -> Budget | None:
    """What ``--p99-budget`` says."""
    text = args.p99_budget
    if not text:
        return None
    relative = not text.endswith("s")
    return Budget(_number(float, "p99-budget", text.removesuffix("s"), 1e-3, 1e6), relative)


def numbers(
    kind: Callable[[str], Number], flag: str, text: str, least: float, most: float
) -> list[Number]:
    """The numbers of a comma-separated list, each once."""
    return list(dict.fromkeys(_number(kind, flag, one, least, most) for one in text.split(",")))


def _number(
    kind: Callable[[str], Number], flag: str, text: str, least: float, most: float
) -> Number:
    try:
        value = kind(text.strip())
    except ValueError:
        value = None
    if value is None or not math.isfinite(value) or not least <= value <= most:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"--{flag}: {text.strip()!r}; give {what} from {least:g} to {most:g}")
    return value


def _at_least(flag: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"--{flag.replace('_', '-')} {value}: give at least {least}")
