"""What the shadow says was saved, against an A/B in virtual time: no machine's load is in it.

    python -m tests.bench.shadow_virtual [--seeds 5] [--minutes 10] [--out FILE] [--check]

The requests and the regimes are those of ``shadow_regimes``. Reality is the simulator with what
the shadow does not know: step costs, steps that vary (by 10 %, beside a drift of 10 %), 20 ms from
the gateway to the engine, and half of the answers not streamed. Arm A (stock) and arm B (sejf) run
in it. The shadow gets the records of arm B alone, as the gateway would tell them.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from dataclasses import astuple, replace
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from gateway.replay.judge import judge
from gateway.replay.seen import History
from gateway.shadow.records import Begun, Ended
from scheduler.length import LengthDistribution
from scheduler.policy import AGEING, LEVEL
from scheduler.records import RequestRecord
from scheduler.sim.arms import STOCK, Arm, Server
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY
from tests.bench.shadow_regimes import MODEL, REGIMES, times
from tests.bench.shadow_table import measured, row, table_of, too_far_off

LATENCY_S = 0.02
KV_REPORT_S = 10.0
NOISE, DRIFT, KEEP = 0.1, 0.1, 0.999


class UnsteadyCosts(StepCosts):
    """Steps whose duration varies at random, and drifts."""

    rng: ClassVar[random.Random] = random.Random()
    drift: ClassVar[float] = 0.0

    def seconds(
        self, sequences: int, kv_tokens: int, prefill_tokens: int, entered: int = 0
    ) -> float:
        """As ``StepCosts.seconds``."""
        cls = UnsteadyCosts
        fresh = math.sqrt(1 - KEEP**2) * DRIFT
        cls.drift = KEEP * cls.drift + cls.rng.gauss(0, fresh)
        factor = math.exp(cls.drift + cls.rng.gauss(0, NOISE))
        return factor * StepCosts.seconds(self, sequences, kv_tokens, prefill_tokens, entered)


def requests_of(sent: list[dict[str, Any]], seed: int) -> list[Request]:
    """The requests with forecasts that are off by half (standard deviation in log tokens)."""
    rng = random.Random(seed)
    made = []
    for number, body in enumerate(sent):
        tokens = body["vllm_xargs"]["target_tokens"]
        middle = tokens * rng.lognormvariate(0, 0.5)
        spread = [middle * rng.lognormvariate(0, 0.5) for _ in range(16)]
        length = LengthDistribution.from_samples(spread)
        prompt = 8 + len(body["messages"][0]["content"]) // 4
        streamed = rng.random() < 0.5
        made.append(Request(prompt, tokens, length, MODEL, number=number, streamed=streamed))
    return made


def told(requests: list[Request], records: list[RequestRecord]) -> History:
    """What the gateway tells of arm B."""
    history = History()
    for request, record in zip(requests, records, strict=True):
        name, atoms = str(request.number), (request.length.tokens, request.length.mass)
        head = (name, record.arrival, MODEL, request.prompt_tokens, request.streamed, 1, "")
        first = record.first_token if request.streamed else None
        end = (name, True, "w", request.prompt_tokens, request.output_tokens, record.dispatched)
        history.add([Begun(*head, *atoms)], [Ended(*end, first, record.finished or 0.0, *atoms)])
    return history


def run(regime: str, seed: int, minutes: float) -> dict[str, Any]:
    """Both arms, and the shadow's page about arm B."""
    found = REGIMES[regime]
    at = times(found.loads, found.rate(seed), 60 * minutes, seed)
    requests = requests_of(found.mix.bodies(len(at), seed), seed)
    engine, costs = found.engine, astuple(found.costs)
    outcomes = []
    for arm in (Arm(STOCK), Arm("sejf", priority=True, latency=LATENCY_S, kv_report_s=KV_REPORT_S)):
        UnsteadyCosts.rng, UnsteadyCosts.drift = random.Random(seed), 0.0
        outcomes.append(simulate(requests, at, [Server(engine, UnsteadyCosts(*costs))], arm))
    kv_tokens = engine.num_blocks * engine.block_size
    setup = {
        **{"policy": "sejf", "ageing": AGEING, "level": LEVEL, "engine_queue": ENGINE_QUEUE},
        **{"priority": True, "overflow": KV_OVERFLOW_PROBABILITY, "tenants": False},
        **{"kv_report_s": KV_REPORT_S, "tolerance": 10.0},
        "workers": [
            ("w", (MODEL,), engine.max_num_seqs, kv_tokens, engine.block_size, engine.max_model_len)
        ],
    }
    page = judge(told(requests, outcomes[1].records).window(1e9, 1e10, len(at)), setup)
    streams = [number for number, request in enumerate(requests) if request.streamed]
    return {
        "regime": regime,
        "seed": seed,
        **{
            name: measured(outcome.records) | _ttft(outcome.records, streams)
            for name, outcome in zip(("stock", "actual"), outcomes, strict=True)
        },
        "preempted": [outcome.preemptions for outcome in outcomes],
        "page": page,
    }


def _sizes(engine: EngineConfig) -> tuple[int, int]:
    return engine.block_size, engine.max_model_len


def _ttft(records: list[RequestRecord], streams: list[int]) -> dict[str, float]:
    """The time to the first token of the streams alone: of others nobody knows it."""
    found = measured([replace(records[number]) for number in streams])
    return {name: found[name] for name in ("mean_ttft", "p99_ttft")}


def main() -> None:
    """Make the runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true", help="fail if it is too far off")
    args = parser.parse_args()
    lines = []
    for seed in range(args.seeds):
        for regime in REGIMES:
            lines.append(run(regime, seed, args.minutes))
            print(regime, seed, row(lines[-1]), file=sys.stderr, flush=True)
    print(table_of(lines, REGIMES))
    if args.out:
        args.out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if args.check and (wrong := too_far_off(lines, of=median)):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
