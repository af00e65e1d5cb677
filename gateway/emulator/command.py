"""``lengthwise emulate``: an emulated vLLM worker on a port."""

from __future__ import annotations

import argparse
import logging

from gateway.config.number_flags import PORTS, number_from
from gateway.emulator.app import EmulatorConfig
from gateway.emulator.lengths import Lengths, predicted_lengths
from gateway.emulator.server import run_emulator
from predictor import ArtefactError, LengthPredictor
from predictor.exit_codes import bad_input
from scheduler.sim.engine_config import EngineConfig

log = logging.getLogger("lengthwise")

_ENGINE = EngineConfig()
_LIMITS = {
    "--max-num-seqs": (_ENGINE.max_num_seqs, "sequences per step"),
    "--max-model-len": (_ENGINE.max_model_len, "context in tokens"),
    "--max-num-batched-tokens": (_ENGINE.max_num_batched_tokens, "tokens per step"),
    "--num-gpu-blocks-override": (
        _ENGINE.num_blocks + 1,
        "blocks of the KV cache, of which vLLM keeps one for itself",
    ),
    "--block-size": (_ENGINE.block_size, "tokens per KV block"),
}
"""Flags with numbers, their defaults and what they count."""


def add_emulate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``emulate``; the engine's flags have vLLM's names."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add(
        "--port",
        type=number_from(int, *PORTS),
        default=8000,
        help="port to listen on (default: %(default)s)",
    )
    add(
        "--served-model-name",
        nargs="+",
        default=["emulated"],
        metavar="NAME",
        help="model names that requests may use (default: emulated)",
    )
    add("--api-key", metavar="KEY", help="require this bearer token under /v1")
    add(
        "--speed",
        type=number_from(float, 1e-6, 1e6),
        default=1.0,
        metavar="FACTOR",
        help="engine seconds per second of the clock (default: %(default)s)",
    )
    _add_engine_arguments(parser)


def _add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    for flag, (default, text) in _LIMITS.items():
        parser.add_argument(
            flag, type=int, default=default, metavar="N", help=f"{text} (default: %(default)s)"
        )
    parser.add_argument(
        "--scheduling-policy",
        choices=("fcfs", "priority"),
        default="fcfs",
        help="order of the engine's queue (default: %(default)s)",
    )


def run_emulate(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT.

    Returns 0, 1 if the port is not available, or 2 if a flag has a wrong value.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = emulator_config(args)
    except ValueError as error:
        return bad_input(error)
    return run_emulator(config, args.host, args.port, shipped_lengths())


def emulator_config(args: argparse.Namespace) -> EmulatorConfig:
    """The configuration that the flags give.

    Raises:
        ValueError: a flag has a wrong value, or the flags contradict each other.
    """
    _check_flags(args)
    engine = EngineConfig(
        max_num_seqs=args.max_num_seqs,
        num_blocks=args.num_gpu_blocks_override - 1,
        block_size=args.block_size,
        max_num_batched_tokens=args.max_num_batched_tokens,
        max_model_len=args.max_model_len,
        scheduling_policy=args.scheduling_policy,
    )
    return EmulatorConfig(
        models=tuple(args.served_model_name), engine=engine, speed=args.speed, api_key=args.api_key
    )


def _check_flags(args: argparse.Namespace) -> None:
    for flag in _LIMITS:
        value = getattr(args, flag[2:].replace("-", "_"))
        if value < 1:
            raise ValueError(f"{flag} must be at least 1, got {value}")
    if not all(name.strip() for name in args.served_model_name):
        raise ValueError("--served-model-name is empty. Give a name, such as emulated")
    if args.api_key is not None and not args.api_key.strip():
        raise ValueError("--api-key is empty. Give a key, or leave the flag out")


def shipped_lengths() -> Lengths | None:
    """Lengths by the shipped predictor's forecasts; None, with a warning, if it cannot be loaded.

    The emulator then uses ``published_lengths``.
    """
    try:
        return predicted_lengths(LengthPredictor.load())
    except ArtefactError as error:
        log.warning("no length predictor; answers have the lengths of published chats: %s", error)
        return None
