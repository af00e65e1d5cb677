"""From the flags of ``lengthwise simulate`` to requests, engines and arrivals."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.calibrate.cost_model import Limits, load_cost_model
from gateway.simulate.arrival_process import ArrivalProcess
from gateway.simulate.engine_setup import MAX_MODEL_LEN, EngineSetup
from gateway.simulate.flag_values import at_least, number
from gateway.simulate.inputs.castillo import MODEL
from gateway.simulate.inputs.forecasts import Forecasting
from gateway.simulate.inputs.reader import ReadOptions, read_arrival_times
from gateway.simulate.inputs.source import RequestSource
from predictor.data.records import DataError
from scheduler.sim.costs import StepCosts

KV_TOKENS = 24_000
"""Default KV cache of each engine in tokens."""

MAX_NUM_SEQS = 256
"""Default number of sequences per step."""

CASTILLO_COUNT = 2000
"""Default number of requests per run from CASTILLO."""

CASTILLO_CONTEXT = 4096
"""Default context in tokens for CASTILLO. The limit cuts the answers that never end, one in a
thousand, as servers and clients do. An answer of 15,000 tokens takes as much KV memory x time as
some hundreds of other answers."""


def read_options(args: argparse.Namespace) -> ReadOptions:
    """How the requests are read.

    Raises:
        ValueError: ``--forecast-sigma`` is out of bounds.
    """
    if not 0 <= args.forecast_sigma <= 5:
        raise ValueError(f"--forecast-sigma {args.forecast_sigma}: give a number from 0 to 5")
    return ReadOptions(
        data=args.data,
        model=args.model or MODEL,
        forecasting=Forecasting(args.model_dir, args.tier, learns=args.learning),
        held_out=args.prompts == "held-out",
        sigma=args.forecast_sigma,
    )


def engine_setup(args: argparse.Namespace) -> EngineSetup:
    """The engines: by the flags, else by the cost model, else by the defaults.

    Raises:
        ValueError: a limit is impossible, or the cost model cannot be used.
    """
    costs, limits = StepCosts(), Limits()
    if args.cost_model is not None:
        model = load_cost_model(args.cost_model)
        costs, limits = model.step_costs, model.limits
    context = CASTILLO_CONTEXT if args.requests is None else MAX_MODEL_LEN
    setup = EngineSetup(
        kv_tokens=args.kv_tokens or limits.kv_tokens or KV_TOKENS,
        max_num_seqs=args.max_num_seqs or limits.max_num_seqs or MAX_NUM_SEQS,
        workers=args.workers,
        block_size=args.block_size,
        max_num_batched_tokens=args.max_num_batched_tokens,
        max_model_len=args.max_model_len or limits.max_model_len or context,
        costs=costs,
    )
    for field in ("workers", "block_size", "max_num_seqs", "max_num_batched_tokens"):
        at_least(field.replace("_", "-"), getattr(setup, field), 1)
    at_least("kv-tokens", setup.kv_tokens, setup.block_size)
    return setup


def request_count(args: argparse.Namespace, source: RequestSource) -> int:
    """Requests per run.

    Raises:
        ValueError: ``--count`` is below 1.
    """
    if args.count is not None:
        at_least("count", args.count, 1)
        return int(args.count)
    return CASTILLO_COUNT if args.requests is None else source.size


def streamed_share(args: argparse.Namespace) -> float:
    """The share of the answers that are streamed.

    Raises:
        ValueError: ``--streamed`` is no share.
    """
    if not 0 <= args.streamed <= 1:
        raise ValueError(f"--streamed {args.streamed}: give a share from 0 to 1")
    return float(args.streamed)


def arrival_process(args: argparse.Namespace, source: RequestSource) -> ArrivalProcess:
    """The arrivals of ``--arrivals``; by default the requests' own, else Poisson.

    Raises:
        ValueError: the requests have no arrivals, a number is out of bounds, or the trace cannot
            be read.
    """
    text = args.arrivals or ("own" if source.times else "poisson")
    name, _, cv = text.partition(":")
    if text == "poisson":
        return ArrivalProcess("poisson")
    if name == "gamma":
        return ArrivalProcess("gamma", cv=number(float, "arrivals", cv or "2", 0.05, 50))
    if text == "own":
        return _own_arrivals(source)
    try:
        return ArrivalProcess(Path(text).stem, times=read_arrival_times(Path(text)))
    except DataError as error:
        raise ValueError(f"--arrivals {text}: {error}") from error


def _own_arrivals(source: RequestSource) -> ArrivalProcess:
    if not source.times:
        raise ValueError(
            "--arrivals own: the requests have no arrivals of their own; give poisson, gamma or a "
            "trace"
        )
    return ArrivalProcess("own", times=source.times, own=True)
