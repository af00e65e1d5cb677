"""``lengthwise predict``: forecasts of the requests on stdin, or, with --serve, for others."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

import uvicorn

from gateway.config.forecasting import Learning
from gateway.config.listen import Tls
from gateway.config.number_flags import number_from
from gateway.config.scheduling import Slo
from gateway.forecasting.learned_state import LearnedState
from gateway.hints.app import create_hints_app
from gateway.hints.hints import Hints
from gateway.metrics import Metrics
from gateway.protocol.listener import ListenError, bound_sockets
from gateway.serve.event_loop import new_event_loop
from gateway.serve.lasting_objects import leave_out_lasting_objects
from gateway.serve.signals import EndSignals
from predictor.artefact.format import ArtefactError
from predictor.exit_codes import bad_input, failed
from predictor.inference.command import add_predict_arguments as add_stdin_arguments
from predictor.inference.command import run_predict as run_stdin
from predictor.inference.tiered import TieredPredictor
from predictor.threads import one_thread

MISSING = "--grpc-port needs gRPC, which is not installed: run pip install 'lengthwise[picker]'"


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise predict``."""
    add_stdin_arguments(parser)
    parser.add_argument(
        "--serve",
        action="store_true",
        help="answer POST /v1/forecasts until a signal, by the fast tier; stdin is not read",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: 127.0.0.1)")
    port = number_from(int, 0, 65_535)
    parser.add_argument("--port", type=port, default=8090, help="port of HTTP (default: 8090)")
    parser.add_argument("--grpc-port", type=port, help="port of gRPC (default: no gRPC)")
    parser.add_argument(
        "--budget-ms",
        type=number_from(float, 0.1, 10_000),
        default=5.0,
        metavar="MS",
        help="milliseconds after which an answer has lengths of any request (default: 5)",
    )


def run_predict(args: argparse.Namespace) -> int:
    """Forecast for stdin or, with ``--serve``, until a signal; returns the exit status."""
    if not args.serve:
        return run_stdin(args)
    one_thread()
    try:
        sockets = bound_sockets(args.host, args.port)
        grpc = [] if args.grpc_port is None else bound_sockets(args.host, args.grpc_port)
        learned = LearnedState.open(Learning())
        predictor = TieredPredictor.load(args.model_dir, refine=False, adaptive=learned.adaptive)
    except ListenError as error:
        return failed(str(error))
    except ArtefactError as error:
        return bad_input(error)
    hints = Hints(predictor, Metrics(Slo()), args.budget_ms)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_until_signal(hints, args.host, sockets, grpc))


class _Server(uvicorn.Server):
    """uvicorn without its own signals: it raises them again at its end, so that they kill."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the server."""
        yield

    def end(self, number: int) -> None:
        """Accept nothing more, and end once what is being answered is."""
        self.should_exit = True


async def _until_signal(
    hints: Hints, host: str, sockets: Sequence[socket.socket], grpc: Sequence[socket.socket]
) -> int:
    """Serve; returns 0 after SIGTERM or SIGINT, 128 plus its number for one before it serves."""
    signals = EndSignals()
    try:
        with signals.watched():
            return await _serve(signals, hints, host, sockets, grpc)
    except asyncio.CancelledError:
        if not signals.number:
            raise
        name = signal.Signals(signals.number).name
        return failed(f"ended by {name} before it served", 128 + signals.number)


async def _serve(
    signals: EndSignals,
    hints: Hints,
    host: str,
    sockets: Sequence[socket.socket],
    grpc: Sequence[socket.socket],
) -> int:
    await hints.warm()
    leave_out_lasting_objects()
    async with AsyncExitStack() as stack:
        if grpc:
            try:
                from gateway.hints.grpc import HintsService  # noqa: PLC0415 - an extra
                from gateway.picker.listening import end, grpc_listening  # noqa: PLC0415
            except ImportError:
                return bad_input(MISSING)
            servers = await grpc_listening([HintsService(hints)], grpc, Tls())
            stack.push_async_callback(end, servers)
            print(f"Lengthwise forecasts on grpc://{host}:{grpc[0].getsockname()[1]}", flush=True)
        for one in sockets:  # who reads the address below may come at once
            one.listen(2048)
        config = uvicorn.Config(create_hints_app(hints), log_level="warning", access_log=False)
        server = _Server(config)
        with signals.instead(server.end):
            print(
                f"Lengthwise forecasts on http://{host}:{sockets[0].getsockname()[1]}", flush=True
            )
            await server.serve(list(sockets))
    return 0
