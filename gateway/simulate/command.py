"""The flags of ``lengthwise simulate``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from scheduler.policy import AGEING, LEVEL
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``simulate``."""
    _add_requests(parser.add_argument_group("requests"))
    _add_castillo(parser.add_argument_group("requests from CASTILLO (without --requests)"))
    _add_forecasts(parser.add_argument_group("forecasts"))
    _add_engines(parser.add_argument_group("engines"))
    _add_engine_limits(parser.add_argument_group("engine limits, named as vLLM names them"))
    _add_policies(parser.add_argument_group("policies and their settings"))
    _add_runs(parser.add_argument_group("runs"))
    _add_results(parser.add_argument_group("results"))


def run_simulate(args: argparse.Namespace) -> int:
    """Simulate, print the table, write report and plots: see ``run.run``."""
    from gateway.simulate.run import run  # noqa: PLC0415 - other commands start without pyarrow

    return run(args)


def _add_requests(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--requests",
        type=Path,
        metavar="FILE",
        help="JSON lines (model, messages or prompt, prompt_tokens, output_tokens), a served log "
        "(folder or Parquet), or Parquet with lengths only (input_tokens, output_tokens); "
        "default: CASTILLO",
    )
    group.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="requests per run (default: all requests of the file, 2000 of CASTILLO)",
    )
    group.add_argument(
        "--arrivals",
        metavar="poisson|gamma[:CV]|own|TRACE",
        help="gamma: bursts, gaps with coefficient of variation CV (default 2); own: the arrivals "
        "recorded with the requests; TRACE: the arrivals of a Parquet file (column t, seconds) or "
        "of a served log (default: own if recorded, else poisson)",
    )
    group.add_argument(
        "--tenants",
        action="store_true",
        help="give each tenant its share, as tenants.fair does (tenants of a served log, or the "
        "column client of a trace of lengths)",
    )


def _add_castillo(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("LENGTHWISE_DATA") or "../shared/data"),
        help="CASTILLO's folder (default: $LENGTHWISE_DATA, else ../shared/data)",
    )
    group.add_argument("--model", metavar="NAME", help="model whose answer lengths are simulated")
    group.add_argument(
        "--prompts",
        choices=("held-out", "all"),
        default="held-out",
        help="held-out: prompts that the predictor was not trained on; all: every prompt of the "
        "split validate (default %(default)s)",
    )


def _add_forecasts(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--model-dir",
        type=Path,
        metavar="DIR",
        help="predictor written by `lengthwise train` (default: the shipped predictor)",
    )
    group.add_argument(
        "--tier",
        choices=("fast", "refined"),
        default="fast",
        help="tier of the predictor that forecasts prompts (default %(default)s)",
    )
    group.add_argument(
        "--forecast-sigma",
        type=float,
        default=0.55,
        metavar="SIGMA",
        help="for lengths without prompts: error of the drawn forecasts, standard deviation in "
        "log tokens (default %(default)s)",
    )


def _add_engines(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--workers", type=int, default=1, metavar="N", help="engines (default %(default)s)"
    )
    group.add_argument(
        "--kv-tokens",
        type=int,
        metavar="N",
        help="KV cache of each engine in tokens (default: from the cost model, else 24000)",
    )
    group.add_argument(
        "--cost-model",
        type=Path,
        metavar="FILE",
        help="seconds per engine step, written by `lengthwise calibrate` (default: an 8B model on "
        "an A100)",
    )


def _add_engine_limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--max-num-seqs",
        type=int,
        metavar="N",
        help="sequences per step (default: from the cost model, else 256)",
    )
    group.add_argument(
        "--max-num-batched-tokens",
        type=int,
        default=2048,
        metavar="N",
        help="tokens per step (default %(default)s)",
    )
    group.add_argument(
        "--block-size",
        type=int,
        default=16,
        metavar="N",
        help="tokens per KV block (default %(default)s)",
    )
    group.add_argument(
        "--max-model-len",
        type=int,
        metavar="N",
        help="context in tokens (default: from the cost model, else 131072; 4096 for CASTILLO)",
    )
    group.add_argument(
        "--scheduling-policy",
        choices=("fcfs", "priority"),
        default="priority",
        help="order of vLLM's own queue for every policy but stock (default %(default)s, which "
        "the gateway expects)",
    )


def _add_policies(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--policies",
        default="stock,fcfs,sejf,oracle",
        metavar="NAME,...",
        help="stock: vLLM without the gateway; oracle: sept with the true lengths as forecasts; "
        "any other name: a policy of the gateway (default %(default)s)",
    )
    group.add_argument(
        "--ageing",
        default=f"{AGEING:g}",
        metavar="RATE,...",
        help="ageing rates to try with each policy that ages, in nats per turn (default "
        "%(default)s)",
    )
    group.add_argument(
        "--level",
        default=f"{LEVEL:g}",
        metavar="LEVEL,...",
        help="levels to try with sejf: requests expected to exceed LEVEL times the model's mean "
        "length all count as that long and go in arrival order (default %(default)s)",
    )
    group.add_argument(
        "--kv-overflow",
        default=f"{KV_OVERFLOW_PROBABILITY:g}",
        metavar="P,...",
        help="values of scheduling.kv_overflow to try with each policy of the gateway: accepted "
        "probability that running requests outgrow the KV cache (default %(default)s)",
    )
    group.add_argument(
        "--engine-queue",
        type=int,
        default=ENGINE_QUEUE,
        metavar="N",
        help="scheduling.engine_queue of the gateway (default %(default)s)",
    )
    group.add_argument(
        "--gateway-latency",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="from the gateway's decision until the engine has the request, for every policy but "
        "stock (default 0); --engine-queue hides it",
    )


def _add_runs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--loads",
        metavar="LOAD,...",
        help="arrival rate / the highest rate that stock sustains; own: the recorded rate of the "
        "requests or of the trace (default 0.7,0.9,1.0,1.1)",
    )
    group.add_argument(
        "--seeds", type=int, default=5, metavar="N", help="repeats (default %(default)s)"
    )
    group.add_argument(
        "--regime-map",
        action="store_true",
        help="also compare the first policy that ages with stock for each KV capacity, sequence "
        "limit and load (many runs)",
    )
    group.add_argument(
        "--map-kv",
        default="12000,24000,48000,96000",
        metavar="N,...",
        help="KV capacities of the map in tokens (default %(default)s)",
    )
    group.add_argument(
        "--map-seqs",
        default="16,32,64,128,256",
        metavar="N,...",
        help="sequence limits of the map (default %(default)s)",
    )


def _add_results(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--p99-budget",
        metavar="RATIO|SECONDSs",
        help="recommend the policy and settings of least mean normalised latency whose p99 "
        "end-to-end latency is at most RATIO times the p99 of fcfs (1.1), or at most SECONDS (30s)",
    )
    group.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for report.json and the plots",
    )
