"""``lengthwise serve``: runs the gateway until a signal and the end of the accepted requests."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from gateway.access.exposure import warn_of_exposure
from gateway.admin.listener import admin_listening, admin_sockets
from gateway.app import create_app
from gateway.clients.descriptors import check_descriptors
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.config.number_flags import SECONDS, number_from
from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.forecasting.learned_state import LearningError
from gateway.forecasting.reload import load_predictor
from gateway.live_config.source import Source
from gateway.protocol.listener import ListenError
from gateway.remote_scheduler.address import FrontsError, SchedulerAddress
from gateway.serve.event_loop import new_event_loop
from gateway.serve.front import CLIENTS, Front
from gateway.serve.lasting_objects import leave_out_lasting_objects
from gateway.serve.logs import Logs, logging_by
from gateway.serve.loop_errors import LoopErrors
from gateway.serve.memory import give_free_memory_back, give_large_blocks_back
from gateway.serve.redaction import secrets_of
from gateway.serve.reloading import follow_configuration
from gateway.serve.setting_flags import add_setting_flags, settings_of
from gateway.serve.signals import EndSignals
from gateway.serve.targets import read_targets
from gateway.workers.launch import LaunchError, api_key, max_num_seqs, vllm_server
from predictor.exit_codes import bad_input, failed
from predictor.threads import one_thread

if TYPE_CHECKING:
    from gateway.emulator import EmbeddedEmulator
    from predictor.inference.tiered import TieredPredictor

SWITCH_S = 0.0005
"""Seconds after which a forecasting thread yields the interpreter to the event loop. Python's
default of 5 ms would delay every stream."""

EMULATED_MODEL = "emulated"
"""Name of the emulated worker's model."""

BANNER = f"""\
EMULATED WORKER: no --worker was given, so answers are made-up text of realistic length
and timing. For real answers, give the URL of a vLLM server to --worker. Try:
  curl http://127.0.0.1:PORT/v1/chat/completions -H 'Content-Type: application/json'KEY_HEADER -d \
    '{{"model": "{EMULATED_MODEL}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
"""

KEY_HEADER = ' -H "Authorization: Bearer $KEY"'
"""What curl needs beside where a request needs a key."""


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise serve``."""
    parser.add_argument(
        "target",
        nargs="*",
        metavar="MODEL|URL",
        help="the same as --model MODEL, or --worker URL",
    )
    add_setting_flags(parser)
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="model for which to start `vllm serve NAME`; flags for vLLM follow after --",
    )
    parser.add_argument(
        "--model-timeout",
        type=number_from(float, *SECONDS),
        default=1800,
        metavar="SECONDS",
        help="seconds that vLLM may take to load the model (default: %(default)s)",
    )
    parser.set_defaults(vllm_flags=[])  # the words after --, which never reach this parser


def run_serve(args: argparse.Namespace, front: Front = CLIENTS) -> int:
    """Serve those who come by the ``front`` until SIGTERM or SIGINT.

    Returns 0 after a drain, 1 where the port cannot be used or requests had to be ended, 2 for a
    bad configuration, and 128 plus the signal's number for a signal before the gateway serves.
    """
    signals = EndSignals()
    try:
        targets = read_targets(args)
        args.flags = settings_of(args, targets.urls)
        loaded = load(args.config, flags=args.flags)
        config, args.places = front.begun(loaded.config), loaded.places
        args.model = targets.model
        check_descriptors()
        give_large_blocks_back()
        with logging_by(config.log) as output:
            output.hide(secrets_of(config))
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                code = runner.run(_serve(config, args, output, signals, front))
    except ListenError as error:
        return failed(str(error))
    except (ConfigError, FrontsError, LaunchError, LearningError) as error:
        return bad_input(error)
    signals.leave(code)
    return code


async def _serve(
    config: Config, args: argparse.Namespace, output: Logs, signals: EndSignals, front: Front
) -> int:
    one_thread()
    sys.setswitchinterval(SWITCH_S)
    sockets = front.sockets(config)  # before anything slow
    operators: list[socket.socket] = []
    try:
        operators = admin_sockets(front.admin(config))
        with signals.watched():
            return await _serve_on(
                *(sockets, signals, output, config, args), front=front, operators=operators
            )
    except asyncio.CancelledError:
        if not signals.number:
            raise
        if signals.code is not None:  # the end of vLLM was not waited for
            return signals.code
        name = signal.Signals(signals.number).name
        return failed(f"ended by {name} before the gateway served", 128 + signals.number)
    finally:
        for one in (*sockets, *operators):
            one.close()


async def _serve_on(
    sockets: Sequence[socket.socket],
    signals: EndSignals,
    output: Logs,
    config: Config,
    args: argparse.Namespace,
    *,
    front: Front,
    operators: Sequence[socket.socket],
) -> int:
    learned = front.learned(config)
    predictor = await load_predictor(config, learned.adaptive)
    async with contextlib.AsyncExitStack() as stack:
        banner = ""
        source = Source(args.config, args.flags, taken=front.taken) if args.config else None
        if args.model is not None:
            server = vllm_server(args.model, args.vllm_flags, args.model_timeout)
            url = await stack.enter_async_context(server)
            flags = args.vllm_flags
            worker = _worker(url, api_key(flags), max_num_seqs(flags))
            config = _with_worker(config, worker)
            if source:
                source.started = (worker,)
        elif not config.workers and not config.discovery.finds:
            emulator = _emulator(predictor)
            worker = _worker(stack.enter_context(emulator).url)
            config = _with_worker(config, worker)
            if source:
                source.emulated = worker
            banner = BANNER
        output.hide(secrets_of(config))
        address = SchedulerAddress.from_environment()
        app = create_app(config, predictor, learned, source, address)
        app.state.live_config.places = args.places
        warn_of_exposure(front.host(config), needs_keys=app.state.access.on)
        banner = banner.replace("KEY_HEADER", KEY_HEADER if app.state.access.on else "")
        output.tell_drops(app.state.metrics.log_lines_dropped.inc)
        loop_errors = LoopErrors(app.state.metrics.uncaught_errors.inc)
        asyncio.get_running_loop().set_exception_handler(loop_errors)
        served = front.server(config, app, banner, signals)
        follow_configuration(
            *(app.state.live_config, output, served, signals),
            needs_keys=lambda: app.state.access.on,
        )
        closing = partial(app.state.viewers.close, lasting=True)
        async with admin_listening(app.state.admin, front.admin(config), operators, closing):
            leave_out_lasting_objects()
            give_free_memory_back()
            signals.code = await served.run(sockets)
        if served.force_exit:  # vLLM gets no time to end by itself
            signals.cancel()
            await asyncio.sleep(0)
    return signals.code


def _emulator(predictor: TieredPredictor | None) -> AbstractContextManager[EmbeddedEmulator]:
    """The emulated worker, whose modules take 3 MB of a gateway that has workers of its own."""
    from gateway.emulator import EmbeddedEmulator, EmulatorConfig  # noqa: PLC0415
    from gateway.emulator.lengths import predicted_lengths  # noqa: PLC0415

    lengths = predicted_lengths(predictor.model) if predictor else None
    return EmbeddedEmulator(EmulatorConfig(models=(EMULATED_MODEL,)), lengths)


def _worker(url: str, key: str | None = None, slots: int | None = None) -> WorkerConfig:
    settings = {"url": url, "api_key": key, "max_num_seqs": slots}
    return WorkerConfig.model_validate(settings)


def _with_worker(config: Config, worker: WorkerConfig) -> Config:
    return config.model_copy(update={"workers": (*config.workers, worker)})
