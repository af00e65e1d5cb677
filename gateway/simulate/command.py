"""The flags of ``lengthwise simulate``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduler.policy import AGEING, LEVEL
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY

Flags = Mapping[str, Mapping[str, Any]]
"""Flag -> keywords of ``ArgumentParser.add_argument``."""

DATA = "../shared/data"

_REQUESTS: Flags = {
    "--requests": {
        "type": Path,
        "metavar": "FILE",
        "help": "JSON lines (model, messages or prompt, prompt_tokens, output_tokens), a served "
        "log (folder or Parquet), Parquet with lengths only (input_tokens, output_tokens), or a "
        "trace as Azure, BurstGPT, Mooncake or `vllm bench serve --save-detailed` publish it",
    },
    "--count": {
        "type": int,
        "metavar": "N",
        "help": "requests per run (default: all requests of the file, 2000 of CASTILLO)",
    },
    "--arrivals": {
        "metavar": "poisson|gamma[:CV]|own|TRACE",
        "help": "gamma: bursts, gaps with coefficient of variation CV (default 2); own: the "
        "arrivals recorded with the requests; TRACE: the arrivals of a Parquet file (column "
        "t, seconds) or of a served log (default: own if recorded, else poisson)",
    },
    "--streamed": {
        "type": float,
        "default": 1.0,
        "metavar": "SHARE",
        "help": "share of streamed answers; progress of others is estimated (default %(default)s)",
    },
    "--tenants": {
        "action": "store_true",
        "help": "give each tenant its share, as tenants.fair does (tenants of a served log, or the "
        "column client of a trace of lengths)",
    },
}

_CASTILLO: Flags = {
    "--data": {
        "type": Path,
        "metavar": "DIR",
        "help": "CASTILLO's folder (default: $LENGTHWISE_DATA, else ../shared/data)",
    },
    "--model": {
        "metavar": "NAME",
        "help": "model whose answer lengths are simulated (default: Qwen/Qwen2.5-7B-Instruct-1M)",
    },
    "--prompts": {
        "choices": ("held-out", "all"),
        "default": "held-out",
        "help": "held-out: not trained on; all: the whole split validate (default %(default)s)",
    },
}

_FORECASTS: Flags = {
    "--model-dir": {
        "type": Path,
        "metavar": "DIR",
        "help": "predictor written by `lengthwise train` (default: the shipped predictor)",
    },
    "--tier": {
        "choices": ("fast", "refined"),
        "help": "refined: the refined tier for requests that wait (default: if there is one)",
    },
    "--no-learning": {
        "dest": "learning",
        "action": "store_false",
        "help": "forecasts do not learn from answers",
    },
    "--forecast-sigma": {
        "type": float,
        "default": 0.55,
        "metavar": "SIGMA",
        "help": "for lengths without prompts: error of the drawn forecasts, standard deviation in "
        "log tokens (default %(default)s)",
    },
}

_ENGINES: Flags = {
    "--workers": {
        "type": int,
        "default": 1,
        "metavar": "N",
        "help": "identical engines; give the log's number of workers to replay a served log "
        "(default %(default)s)",
    },
    "--kv-tokens": {
        "type": int,
        "metavar": "N",
        "help": "KV cache of each engine in tokens (default: from the cost model, else 24000)",
    },
    "--cost-model": {
        "type": Path,
        "metavar": "FILE",
        "help": "seconds per engine step, written by `lengthwise calibrate` (default: an 8B model "
        "on an A100)",
    },
}

_ENGINE_LIMITS: Flags = {
    "--max-num-seqs": {
        "type": int,
        "metavar": "N",
        "help": "sequences per step (default: from the cost model, else 256)",
    },
    "--max-num-batched-tokens": {
        "type": int,
        "default": 2048,
        "metavar": "N",
        "help": "tokens per step (default %(default)s)",
    },
    "--block-size": {
        "type": int,
        "default": 16,
        "metavar": "N",
        "help": "tokens per KV block (default %(default)s)",
    },
    "--max-model-len": {
        "type": int,
        "metavar": "N",
        "help": "context in tokens (default: from the cost model, else 131072; 4096 for CASTILLO)",
    },
    "--scheduling-policy": {
        "choices": ("fcfs", "priority"),
        "default": "priority",
        "help": "order of vLLM's own queue for every policy but stock (default %(default)s)",
    },
}

_POLICIES: Flags = {
    "--policies": {
        "default": "stock,fcfs,sejf,oracle",
        "metavar": "NAME,...",
        "help": "stock: vLLM without the gateway; oracle: sept with the true lengths as forecasts; "
        "any other name: a policy of the gateway (default %(default)s)",
    },
    "--ageing": {
        "default": f"{AGEING:g}",
        "metavar": "RATE,...",
        "help": "ageing rates to try with each policy that ages, in e-folds of length per "
        "turn (default %(default)s)",
    },
    "--level": {
        "default": f"{LEVEL:g}",
        "metavar": "LEVEL,...",
        "help": "levels to try with sejf: requests expected to exceed LEVEL times the usual "
        "length all count as that long and go in arrival order (default %(default)s)",
    },
    "--kv-overflow": {
        "default": f"{KV_OVERFLOW_PROBABILITY:g}",
        "metavar": "P,...",
        "help": "values of scheduling.kv_overflow to try with each policy of the gateway "
        "(default %(default)s)",
    },
    "--engine-queue": {
        "type": int,
        "default": ENGINE_QUEUE,
        "metavar": "N",
        "help": "scheduling.engine_queue of the gateway (default %(default)s)",
    },
    "--gateway-latency": {
        "type": float,
        "default": 0.0,
        "metavar": "SECONDS",
        "help": "seconds from the gateway's decision until the engine has the request (default 0)",
    },
}

_RUNS: Flags = {
    "--loads": {
        "metavar": "LOAD,...",
        "help": "arrival rate / the highest rate that stock sustains; own: the recorded rate of "
        "the requests or of the trace (default 0.7,0.9,1.0,1.1)",
    },
    "--seeds": {
        "type": int,
        "default": 5,
        "metavar": "N",
        "help": "repeats (default %(default)s)",
    },
    "--regime-map": {
        "action": "store_true",
        "help": "also compare the first policy that ages with stock for each KV capacity, sequence "
        "limit and load (many runs)",
    },
    "--map-kv": {
        "default": "12000,24000,48000,96000",
        "metavar": "N,...",
        "help": "KV capacities of the map in tokens (default %(default)s)",
    },
    "--map-seqs": {
        "default": "16,32,64,128,256",
        "metavar": "N,...",
        "help": "sequence limits of the map (default %(default)s)",
    },
}

_RESULTS: Flags = {
    "--p99-budget": {
        "metavar": "RATIO|SECONDSs",
        "help": "recommend the policy and settings of least mean normalised latency whose p99 "
        "end-to-end latency is at most RATIO times the p99 of fcfs (1.1), or at most SECONDS (30s)",
    },
    "--out": {
        "type": Path,
        "required": True,
        "metavar": "DIR",
        "help": "folder for report.json and the plots; needs pip install '.[plots]'",
    },
}

_GROUPS = {
    "requests": _REQUESTS,
    "requests from CASTILLO (without --requests)": _CASTILLO,
    "forecasts": _FORECASTS,
    "engines": _ENGINES,
    "engine limits, named as vLLM names them": _ENGINE_LIMITS,
    "policies and their settings": _POLICIES,
    "runs": _RUNS,
    "results": _RESULTS,
}


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``simulate``, in groups."""
    for title, flags in _GROUPS.items():
        group = parser.add_argument_group(title)
        for flag, options in flags.items():
            group.add_argument(flag, **options)
    parser.set_defaults(data=Path(os.environ.get("LENGTHWISE_DATA") or DATA))


def run_simulate(args: argparse.Namespace) -> int:
    """Simulate, print the table, write report and plots; returns the exit code of ``run.run``."""
    from gateway.simulate.run import run  # noqa: PLC0415 - other commands start without pyarrow

    return run(args)
