"""A gateway whose forecasts do not adapt to the traffic.

A simulation and the repeats of a run need the same forecasts.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import uvicorn

from gateway.app import create_app
from gateway.clients.server import server_protocols
from gateway.config.settings import Config
from gateway.protocol.listener import bound_sockets
from gateway.serve.command import SWITCH_S
from gateway.serve.server import DrainingServer
from gateway.serve.signals import EndSignals
from predictor import LengthPredictor, Prompt
from predictor.inference.tiered import Prediction, TieredPredictor
from predictor.threads import one_thread
from scheduler.length import LengthDistribution
from tests.bench.burst import server_process


class Frozen(TieredPredictor):
    """The fast tier of the shipped predictor, without learning."""

    def __init__(self) -> None:
        super().__init__(LengthPredictor.load())

    def learn(self, prediction: Prediction, tokens: int, *, censored: bool) -> None:
        """Ignore the answer."""


def forecasts(bodies: Sequence[dict[str, Any]], room: float) -> list[LengthDistribution]:
    """The forecasts of such a gateway, cut at ``room`` tokens."""
    prompts = [Prompt.from_request(body) for body in bodies]
    return [prediction.length.capped(room) for prediction in Frozen().predict(prompts)]


async def serve(worker: str, policy: str, max_num_seqs: int) -> int:
    """Run on a free port until SIGTERM; the first line on stdout ends with the URL."""
    one_thread()
    sys.setswitchinterval(SWITCH_S)
    config = Config.model_validate(
        {
            "workers": [{"url": worker, "max_num_seqs": max_num_seqs}],
            "scheduling": {"policy": policy},
            "predictor": {"budget_ms": 5000},  # a late forecast would be another forecast
            "shutdown": {"lame_duck_s": 0},
        }
    )
    app = create_app(config, Frozen())
    connections = app.state.connections
    protocols = server_protocols(connections)
    settings = uvicorn.Config(app, port=0, log_level="warning", access_log=False, **protocols)
    signals = EndSignals()
    with signals.watched():
        served = DrainingServer(
            *(settings, connections, "", signals, app.state.leaving), settings=config.shutdown
        )
        return await served.run(bound_sockets("127.0.0.1", 0))


def frozen_gateway(worker: str, policy: str, max_num_seqs: int) -> AbstractContextManager[str]:
    """A gateway with fixed forecasts as a process of its own; yields its URL."""
    flags = ("--worker", worker, "--policy", policy, "--max-num-seqs", str(max_num_seqs))
    return server_process("tests.bench.frozen_gateway", *flags)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="a gateway whose forecasts do not adapt")
    parser.add_argument("--worker", required=True)
    parser.add_argument("--policy", required=True)
    parser.add_argument("--max-num-seqs", type=int, required=True)
    args = parser.parse_args()
    sys.exit(asyncio.run(serve(args.worker, args.policy, args.max_num_seqs)))
