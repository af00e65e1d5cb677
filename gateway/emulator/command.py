"""``lengthwise emulate``: an emulated vLLM worker on a port."""

from __future__ import annotations

import argparse
import logging

from gateway.emulator.answers import Lengths, predicted_lengths
from gateway.emulator.server import EmulatorConfig, run_emulator
from predictor import ArtefactError, LengthPredictor
from scheduler.sim.engine import EngineConfig

log = logging.getLogger("lengthwise")

_ENGINE = EngineConfig()


def add_emulate_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise emulate``; those of the engine are named as vLLM's."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    add(
        "--served-model-name",
        nargs="+",
        default=["emulated"],
        metavar="NAME",
        help="model names to answer to (default: emulated)",
    )
    add("--api-key", metavar="KEY", help="wanted as bearer token on the paths under /v1")
    add(
        "--speed",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="engine seconds for each second of the clock (default: %(default)s)",
    )
    add_engine_arguments(parser)


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """The limits of the engine."""
    limits = {
        "--max-num-seqs": _ENGINE.max_num_seqs,
        "--max-model-len": _ENGINE.max_model_len,
        "--max-num-batched-tokens": _ENGINE.max_num_batched_tokens,
        "--num-gpu-blocks-override": _ENGINE.num_blocks,
        "--block-size": _ENGINE.block_size,
    }
    for flag, default in limits.items():
        parser.add_argument(
            flag, type=int, default=default, metavar="N", help="as vLLM's (default: %(default)s)"
        )
    parser.add_argument(
        "--scheduling-policy",
        choices=("fcfs", "priority"),
        default="fcfs",
        help="as vLLM's (default: %(default)s)",
    )


def run_emulate(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT: 0; 2 if the flags contradict each other."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = emulator_config(args)
    except ValueError as error:
        log.error("%s", error)
        return 2
    return run_emulator(config, args.host, args.port, shipped_lengths())


def emulator_config(args: argparse.Namespace) -> EmulatorConfig:
    """The configuration that the flags describe.

    Raises:
        ValueError: they contradict each other.
    """
    engine = EngineConfig(
        max_num_seqs=args.max_num_seqs,
        num_blocks=args.num_gpu_blocks_override,
        block_size=args.block_size,
        max_num_batched_tokens=args.max_num_batched_tokens,
        max_model_len=args.max_model_len,
        scheduling_policy=args.scheduling_policy,
    )
    return EmulatorConfig(
        models=tuple(args.served_model_name), engine=engine, speed=args.speed, api_key=args.api_key
    )


def shipped_lengths() -> Lengths | None:
    """Answers as long as the shipped predictor expects; None, with a warning, if it cannot load."""
    try:
        return predicted_lengths(LengthPredictor.load())
    except ArtefactError as error:
        log.warning("no length predictor, lengths are those of published chats: %s", error)
        return None
