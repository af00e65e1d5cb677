"""What the shadow says was saved, against a real A/B on real vLLM engines.

    python -m tests.bench.shadow_vllm --runs FILE [--seeds 2] [--minutes 10]
                                      [--regimes memory,slots] [--costs 4 NUMBERS] [--check]

As ``tests.bench.shadow``, with two vLLM servers (CPU build) for the emulated workers. Their model
is the tiny one of the tests with 96 layers: a step takes tens of milliseconds, beside which the
work of gateway and clients is little, and it costs something to compute a preempted request again.
Each engine has one of two cores, and both arms run side by side, so that whatever slows the machine
slows both alike. Load 1 is the rate at which the engines end 100 requests that come at once, side
by side, before each run. How far their rates are apart is printed below the table: less than that
no shadow can foresee. With ``--costs`` it is the capacity in the simulator, and there is no trial.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from gateway.shadow.shadow import FEWEST
from scheduler.records import RequestRecord
from scheduler.sim.capacity import SHARE
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from tests.bench.processes import go_first, share_of
from tests.bench.shadow import both, gateway, page_of
from tests.bench.shadow_regimes import LONG, MODEL, Mix, Regime, times
from tests.bench.shadow_table import measured, row, table_of, too_far_off
from tests.bench.sustained import Journal
from tests.vllm import prepare
from tests.vllm.engine import VllmServer, read_metrics


@dataclass(frozen=True, slots=True)
class VllmRegime:
    """A vLLM server's limits, the loads of the busy and the quiet phase, and the requests."""

    max_num_seqs: int
    blocks: int
    loads: tuple[float, float]
    mix: Mix


REGIMES = {
    "memory": VllmRegime(64, 64, (1.6, 0.5), LONG),
    "slots": VllmRegime(4, 80, (1.5, 0.1), Mix()),
}
"""Which resource is scarce: KV blocks of 128 tokens, or sequences. Chosen as the emulated ones, in
the simulator with the engine's costs: the order saves much, and, in ``slots``, the queue ends with
each quiet minute. Otherwise an engine that is 1 % slower than the other has a queue so much longer
that it is a quarter of what is saved."""

LAYERS = 96
CONTEXT, BLOCK = 2048, 128
CORES = (0, 1)
DRAIN_S = 120.0
"""As in ``tests.bench.shadow``; waits are shorter here, and the shadow's process, which begins with
a number of ended requests, is waited for."""

TRIAL = 100
"""Requests that measure the capacity."""


def engine(regime: str, model: Path, core: int) -> VllmServer:
    """A server without a prefix cache: prompts of a kind are alike."""
    return VllmServer(
        served_model_names=[MODEL],
        max_num_seqs=REGIMES[regime].max_num_seqs,
        num_gpu_blocks_override=REGIMES[regime].blocks,
        max_model_len=CONTEXT,
        scheduling_policy="priority",
        cpus={core},
        extra_args=["--no-enable-prefix-caching", "--model", str(model)],
        environment={"VLLM_CPU_KVCACHE_SPACE": "2"},
    )


def deep_model(folder: Path) -> Path:
    """The model of the servers, made in ``folder``."""
    home, script = prepare.home(), prepare.MAKE_MODEL.with_name("deepen_model.py")
    command = [home / "venv/bin/python", script, home / "model", folder]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run([*command, str(LAYERS)], check=True, env=environment)
    return folder


def _rate(records: Sequence[RequestRecord]) -> float:
    """Requests a second that an engine ended of those that came at once."""
    begun = min(one.arrival for one in records)
    last = sorted(one.finished or 0.0 for one in records)[round(SHARE * TRIAL) - 1]
    return SHARE * TRIAL / (last - begun)


def _rates(urls: Sequence[str], mix: Mix, seed: int) -> list[float]:
    """Of each engine under full load, with requests of the kinds that it gets later."""
    sent = mix.bodies(TRIAL, seed)
    return [_rate(one) for one in asyncio.run(both(urls, sent, [0.0] * TRIAL))]


def _simulated(regime: VllmRegime, costs: StepCosts, seed: int) -> float:
    """As ``_rates``, in the simulator. vLLM keeps a block for itself."""
    limits = EngineConfig(regime.max_num_seqs, regime.blocks - 1, BLOCK, max_model_len=CONTEXT)
    return Regime(limits, costs, regime.loads, 1.0, regime.mix).rate(seed)


def run(
    regime: str, seed: int, minutes: float, model: Path, costs: StepCosts | None
) -> dict[str, Any]:
    """One run of both arms."""
    found = REGIMES[regime]
    with ExitStack() as stack:
        servers = [stack.enter_context(engine(regime, model, core)) for core in CORES]
        for server in servers:
            share_of(server.pid, os.getpriority(os.PRIO_PROCESS, 0))  # a session of its own
        urls = [server.url for server in servers]
        rates = [_simulated(found, costs, seed)] if costs else _rates(urls, found.mix, seed)
        at = times(found.loads, fmean(rates), 60 * minutes, seed)
        sent, before = found.mix.bodies(len(at), seed), _preemptions(urls)
        slots, replays = found.max_num_seqs, at[-1] - at[FEWEST - 1] + DRAIN_S
        url, admin = stack.enter_context(gateway(urls[1], slots, replays))
        direct, through = asyncio.run(both((urls[0], url), sent, at))
        after, page = _preemptions(urls), page_of(admin, len(sent))
    return {
        "requests": len(sent),
        "minutes": minutes,
        "rates": rates,
        "stock": measured(direct),
        "actual": measured(through),
        "preempted": [one - other for one, other in zip(after, before, strict=True)],
        "page": page,
        "load_average": os.getloadavg()[1],
    }


def _preemptions(urls: Sequence[str]) -> list[float]:
    return [read_metrics(url)["vllm:num_preemptions_total"] for url in urls]


def unsteadiness(found: list[dict[str, Any]]) -> str:
    """A line for each run: how far apart both engines are, which no shadow can foresee."""
    lines = []
    for line in found:
        if len(line["rates"]) == 1:
            continue
        stock, ours = line["rates"]
        lines.append(
            f"{line['regime']} {line['seed']}: load 1 is {fmean((stock, ours)):.2f} requests a "
            f"second; the gateway's engine is {ours / stock - 1:+.1%} faster than stock's"
        )
    return "\n".join(lines)


def main() -> None:
    """Make the missing runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=Path, metavar="FILE", required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--regimes", default=",".join(REGIMES))
    parser.add_argument(
        "--costs", type=float, nargs=4, help="of a step, sequence, KV token and prompt token"
    )
    parser.add_argument("--check", action="store_true", help="fail if it is too far off")
    args = parser.parse_args()
    go_first()
    journal, costs = Journal(args.runs), StepCosts(*args.costs) if args.costs else None
    with tempfile.TemporaryDirectory() as folder:
        model = deep_model(Path(folder))
        for seed in range(args.seeds):
            for regime in args.regimes.split(","):
                if journal.find(regime=regime, seed=seed) is None:
                    line = run(regime, seed, args.minutes, model, costs)
                    journal.add(regime=regime, seed=seed, arm="stock", **line)
                    print(regime, seed, row(line), file=sys.stderr, flush=True)
    print(table_of(journal.lines, REGIMES), unsteadiness(journal.lines), sep="\n")
    if args.check and (wrong := too_far_off(journal.lines)):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
