"""``lengthwise serve``: runs the gateway until a signal and the end of the accepted requests."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from gateway.app import create_app
from gateway.config.errors import ConfigError, Location
from gateway.config.load import load_config
from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.emulator.lengths import predicted_lengths
from gateway.forecasting.learned_state import LearnedState, LearningError
from gateway.forecasting.reload import load_predictor
from gateway.workers.launch import LaunchError, api_key, vllm_server
from predictor.exit_codes import bad_input
from predictor.threads import one_thread

log = logging.getLogger("lengthwise")

SWITCH_S = 0.0005
"""Seconds after which a forecasting thread yields the interpreter to the event loop. Python's
default of 5 ms would delay every stream."""

EMULATED_MODEL = "emulated"
"""Name of the emulated worker's model."""

BANNER = f"""\
EMULATED WORKER: no --worker was given, so answers are made-up text of realistic length
and timing. For real answers, give the URL of a vLLM server to --worker. Try:
  curl http://127.0.0.1:PORT/v1/chat/completions -H 'Content-Type: application/json' -d \
    '{{"model": "{EMULATED_MODEL}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
"""


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise serve``."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML configuration")
    parser.add_argument(
        "--worker",
        action="append",
        metavar="URL",
        help="URL of a running vLLM server, e.g. http://host:8000; repeat for several",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="model for which to start `vllm serve NAME`; flags for vLLM follow after --",
    )
    parser.add_argument(
        "--model-timeout",
        type=float,
        default=1800,
        metavar="SECONDS",
        help="seconds that vLLM may take to load the model (default: %(default)s)",
    )
    parser.add_argument("--host", help="address to bind (default: 127.0.0.1)")
    parser.add_argument("--port", help="TCP port to bind (default: 8080)")
    parser.add_argument("--policy", help="order of the queue, such as fcfs (default: sejf)")
    parser.add_argument("vllm_flags", nargs="*", metavar="-- VLLM_FLAGS", help=argparse.SUPPRESS)


def run_serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 after a drain, 2 for a bad configuration."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = load_config(args.config, flags=_flags(args))
        return asyncio.run(_serve(config, args))
    except (ConfigError, LaunchError, LearningError) as error:
        return bad_input(str(error))


def _flags(args: argparse.Namespace) -> dict[Location, object]:
    flags: dict[Location, object] = {
        ("listen", "host"): args.host,
        ("listen", "port"): args.port,
        ("scheduling", "policy"): args.policy,
        ("workers",): [{"url": url} for url in args.worker or ()] or None,
    }
    return {location: value for location, value in flags.items() if value is not None}


async def _serve(config: Config, args: argparse.Namespace) -> int:
    one_thread()
    sys.setswitchinterval(SWITCH_S)
    learned = LearnedState.open(config.learning)
    predictor = load_predictor(config, learned.adaptive)
    async with contextlib.AsyncExitStack() as stack:
        banner = ""
        if args.model:
            server = vllm_server(args.model, args.vllm_flags, args.model_timeout)
            url = await stack.enter_async_context(server)
            config = _with_worker(config, url, api_key(args.vllm_flags))
        elif not config.workers and not config.discovery.finds:
            lengths = predicted_lengths(predictor.model) if predictor else None
            emulator = EmbeddedEmulator(EmulatorConfig(models=(EMULATED_MODEL,)), lengths)
            config = _with_worker(config, stack.enter_context(emulator).url)
            banner = BANNER
        server_config = uvicorn.Config(
            create_app(config, predictor, learned),
            host=config.listen.host,
            port=config.listen.port,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=config.listen.keep_alive_s,
            timeout_graceful_shutdown=round(config.shutdown.drain_timeout_s),
        )
        return await DrainingServer(server_config, banner).run()


def _with_worker(config: Config, url: str, key: str | None = None) -> Config:
    worker = WorkerConfig.model_validate({"url": url, "api_key": key})
    return config.model_copy(update={"workers": (*config.workers, worker)})


class DrainingServer(uvicorn.Server):
    """uvicorn whose process ends with exit code 0 after a signal and a drain."""

    def __init__(self, config: uvicorn.Config, banner: str) -> None:
        super().__init__(config)
        self._banner = banner

    async def run(self) -> int:  # type: ignore[override]
        """Serve until a signal; a second signal ends the drain."""
        try:
            await self.serve()
        except SystemExit:  # uvicorn could not bind
            return 1
        return 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then print the address."""
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            print(f"Lengthwise is serving on http://{self.config.host}:{port}")
            print(self._banner.replace("PORT", str(port)), end="", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT for the length of the block."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _on_signal(self, number: int) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        name = signal.Signals(number).name
        log.info("%s: draining; a second signal ends the gateway at once", name)
