"""From the flags of ``lengthwise simulate`` to arms, loads and the budget for p99."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from gateway.simulate.arrival_process import ArrivalProcess
from gateway.simulate.experiment import OWN_LOAD
from gateway.simulate.flag_values import at_least, number, numbers
from scheduler.sim.arms import STOCK, Arm

DEFAULT_LOADS = "0.7,0.9,1.0,1.1"


@dataclass(frozen=True, slots=True)
class Budget:
    """The largest p99 end-to-end latency: seconds, or (``relative``) times the p99 of fcfs."""

    value: float
    relative: bool

    @property
    def unit(self) -> str:
        """The unit with a leading space, to follow a number."""
        return " x fcfs" if self.relative else " s"

    @property
    def text(self) -> str:
        """The budget with its unit."""
        return f"{self.value:g}{self.unit}"


def latency_budget(args: argparse.Namespace) -> Budget | None:
    """The budget of ``--p99-budget``; None if the flag is not given.

    Raises:
        ValueError: the flag is not a number, or out of bounds.
    """
    text = args.p99_budget
    if not text:
        return None
    relative = not text.endswith("s")
    return Budget(number(float, "p99-budget", text.removesuffix("s"), 1e-3, 1e6), relative)


def loads(args: argparse.Namespace, arrivals: ArrivalProcess) -> list[float | None]:
    """The loads of ``--loads``; None stands for the load of the trace as recorded.

    Raises:
        ValueError: a load is out of bounds, or "own" without recorded arrivals.
    """
    words = (args.loads or DEFAULT_LOADS).split(",")
    if OWN_LOAD in words and not arrivals.times:
        raise ValueError(
            f"--loads own: {arrivals.name} arrivals have no recorded rate; give numbers"
        )
    return [None if word == OWN_LOAD else number(float, "loads", word, 0.01, 100) for word in words]


def arms(args: argparse.Namespace) -> list[Arm]:
    """Each policy with every combination of the settings that matter to it.

    A budget adds fcfs, because the recommendation compares with fcfs.

    Raises:
        ValueError: a policy is unknown, or a setting out of bounds.
    """
    if not 0 <= args.gateway_latency <= 60:
        raise ValueError(f"--gateway-latency {args.gateway_latency}: give seconds from 0 to 60")
    at_least("engine-queue", args.engine_queue, 0)
    rates = numbers(float, "ageing", args.ageing, 0.0, 100.0)
    levels = numbers(float, "level", args.level, 1e-3, 1000.0)
    overflows = numbers(float, "kv-overflow", args.kv_overflow, 1e-6, 0.5)
    names = list(dict.fromkeys(name.strip() for name in args.policies.split(",")))
    if args.p99_budget and "fcfs" not in names:
        names.append("fcfs")
    return [
        variant
        for name in names
        for variant in _variants(_arm(args, name), rates, levels, overflows)
    ]


def _arm(args: argparse.Namespace, policy: str) -> Arm:
    try:
        return Arm(
            policy,
            engine_queue=args.engine_queue,
            priority=args.scheduling_policy == "priority",
            tenants=args.tenants,
            latency=0.0 if policy == STOCK else args.gateway_latency,
        )
    except ValueError as error:
        raise ValueError(f"--policies {args.policies}: {error}") from error


def _variants(
    arm: Arm, rates: list[float], levels: list[float], overflows: list[float]
) -> Iterator[Arm]:
    """The arm with each combination; of a setting that does not matter, only the first value."""
    combinations = product(
        rates if arm.ages else rates[:1],
        levels if arm.levels else levels[:1],
        overflows if arm.forecasts_kv else overflows[:1],
    )
    for rate, level, overflow in combinations:
        yield replace(arm, ageing=rate, level=level, overflow=overflow)
