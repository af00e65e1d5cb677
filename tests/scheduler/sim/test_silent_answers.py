"""Traffic without streams: its progress is only estimated, and costs hardly more preemptions."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from statistics import NormalDist

from scheduler.length import LengthDistribution
from scheduler.sim.arms import Arm, Server
from scheduler.sim.arrivals import poisson
from scheduler.sim.capacity import capacity
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate

ATOMS = 20
SCORES = [NormalDist().inv_cdf((n + 0.5) / ATOMS) for n in range(ATOMS)]


def mixed(rng: random.Random) -> Request:
    """A chat, or one answer of twelve that is some 4,000 tokens long; an honest forecast."""
    usual = math.log(4000 if rng.random() < 0.08 else 250) + rng.gauss(0, 0.6)
    tokens = int(min(6000, math.exp(usual + rng.gauss(0, 0.4)))) + 1
    atoms = tuple(max(1.0, math.exp(usual + 0.4 * score)) for score in SCORES)
    return Request(rng.randint(30, 600), tokens, LengthDistribution(atoms, (1 / ATOMS,) * ATOMS))


def test_unstreamed_answers_are_preempted_at_most_half_as_often_again_as_streamed_ones() -> None:
    rng = random.Random(0)
    requests = [mixed(rng) for _ in range(500)]
    engine = Server(EngineConfig(max_num_seqs=256, num_blocks=1500, max_model_len=16_000))
    arrivals = poisson(len(requests), 1.1 * capacity(requests, [engine]), rng)
    preempted = {
        streamed: simulate(
            [replace(request, streamed=streamed) for request in requests],
            arrivals,
            [engine],
            Arm("sejf", priority=True),
        ).preemptions
        for streamed in (True, False)
    }
    assert 0 < preempted[False] <= 1.5 * preempted[True]
