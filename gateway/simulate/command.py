"""The arguments of ``lengthwise simulate``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from scheduler.policy import AGEING, LEVEL
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate``."""
    _add_requests(parser.add_argument_group("requests"))
    _add_engines(parser.add_argument_group("engines"))
    _add_runs(parser.add_argument_group("runs"))


def run_simulate(args: argparse.Namespace) -> int:
    """Simulate, print the table, write report and plots: see ``run.run``."""
    from gateway.simulate.run import run  # noqa: PLC0415 - other commands need none of it

    return run(args)


def _add_requests(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--requests",
        type=Path,
        metavar="FILE",
        help="JSON lines (model, messages or prompt, prompt_tokens, output_tokens), a served log "
        "(folder or Parquet), or Parquet with lengths only (input_tokens, output_tokens); "
        "default: CASTILLO",
    )
    add(
        "--count",
        type=int,
        metavar="N",
        help="requests in a run (default: all of the file, 2000 of CASTILLO)",
    )
    add(
        "--arrivals",
        metavar="poisson|gamma[:CV]|own|TRACE",
        help="gamma: bursts, with gaps of coefficient of variation CV (default 2); own: as the "
        "requests came; TRACE: as in that Parquet file (column t) or served log "
        "(default: own if the requests have arrivals, else poisson)",
    )
    add(
        "--data",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("LENGTHWISE_DATA") or "../shared/data"),
        help="CASTILLO's folder (default: $LENGTHWISE_DATA, else ../shared/data)",
    )
    add("--model", metavar="NAME", help="whose lengths are taken of CASTILLO")
    add(
        "--prompts",
        choices=("held-out", "all"),
        default="held-out",
        help="of CASTILLO, those kept out of the predictor's training, or all of its split "
        "validate (default %(default)s)",
    )
    add(
        "--model-dir",
        type=Path,
        metavar="DIR",
        help="predictor made by `lengthwise train` (default: the one that ships)",
    )
    add(
        "--tier",
        choices=("fast", "refined"),
        default="fast",
        help="whose forecasts (default %(default)s)",
    )
    add(
        "--forecast-sigma",
        type=float,
        default=0.55,
        metavar="SIGMA",
        help="error of forecasts drawn for lengths alone, standard deviation in log tokens "
        "(default %(default)s)",
    )


def _add_engines(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--workers", type=int, default=1, metavar="N", help="engines (default %(default)s)")
    add(
        "--kv-tokens",
        type=int,
        metavar="N",
        help="KV cache of each in tokens (default: the cost model's, else 24000)",
    )
    add(
        "--max-num-seqs",
        type=int,
        metavar="N",
        help="as vLLM's (default: the cost model's, else 256)",
    )
    add("--max-num-batched-tokens", type=int, default=2048, metavar="N", help="as vLLM's")
    add("--block-size", type=int, default=16, metavar="N", help="as vLLM's (default %(default)s)")
    add(
        "--max-model-len",
        type=int,
        metavar="N",
        help="as vLLM's (default: the cost model's, else 131072)",
    )
    add(
        "--cost-model",
        type=Path,
        metavar="FILE",
        help="what a step costs, from `lengthwise calibrate` (default: an 8B model on an A100)",
    )
    add(
        "--scheduling-policy",
        choices=("fcfs", "priority"),
        default="priority",
        help="as vLLM's, for all policies but stock (default %(default)s, as the gateway wants it)",
    )


def _add_runs(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--policies",
        default="stock,fcfs,sejf,oracle",
        metavar="NAME,...",
        help="stock: the engines alone; fcfs and others: the gateway's; oracle: sejf that knows "
        "the lengths (default %(default)s)",
    )
    add(
        "--ageing",
        default=f"{AGEING:g}",
        metavar="RATE,...",
        help="ageing rates to try with each policy that ages, in nats per usual service time "
        "(default %(default)s)",
    )
    add(
        "--level",
        default=f"{LEVEL:g}",
        metavar="LEVEL,...",
        help="levels to try with sejf: requests longer than so many times the mean expected length "
        "go in order of arrival (default %(default)s)",
    )
    add(
        "--kv-overflow",
        default=f"{KV_OVERFLOW_PROBABILITY:g}",
        metavar="P,...",
        help="as the gateway's setting, to try with each of its policies: how likely what runs may "
        "outgrow the KV cache (default %(default)s)",
    )
    add(
        "--loads",
        metavar="LOAD,...",
        help="1 is what stock achieves with all requests present at once; own: as the requests "
        "or the trace came (default 0.7,0.9,1.0,1.1)",
    )
    add("--seeds", type=int, default=5, metavar="N", help="repeats (default %(default)s)")
    add(
        "--engine-queue",
        type=int,
        default=ENGINE_QUEUE,
        metavar="N",
        help="as the gateway's setting",
    )
    add(
        "--gateway-latency",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="from the gateway's decision until the engine has the request, all policies but "
        "stock (default 0): what --engine-queue bridges",
    )
    add(
        "--tenants",
        action="store_true",
        help="give tenants (a served log's, or the column client of lengths alone) their shares",
    )
    add(
        "--p99-budget",
        metavar="RATIO|SECONDSs",
        help="recommend the policy and settings of least mean normalised latency whose p99 "
        "end-to-end latency is at most 1.1 (times that of fcfs) or 30s",
    )
    add(
        "--regime-map",
        action="store_true",
        help="also compare the first policy that ages with stock over KV capacities, sequence "
        "limits and loads: many runs",
    )
    add("--map-kv", default="12000,24000,48000,96000", metavar="N,...", help="its KV capacities")
    add("--map-seqs", default="16,32,64,128,256", metavar="N,...", help="its sequence limits")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for report.json and the plots",
    )
