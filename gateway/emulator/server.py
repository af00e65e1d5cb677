"""Runs the emulated worker: in a thread of this process, or as the whole process."""

from __future__ import annotations

import signal
import socket
import threading
from types import TracebackType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from gateway.emulator.app import EmulatorConfig, create_emulator
from gateway.emulator.lengths import Lengths
from gateway.protocol.listener import ListenError, bound_sockets
from predictor.exit_codes import failed
from scheduler.sim.engine import Engine


class EmbeddedEmulator:
    """A context manager that runs an emulator in a thread, on a free port of 127.0.0.1.

    ``url`` is the address without a path, for instance ``http://127.0.0.1:40123``; empty before
    the context is entered. ``engine`` belongs to the thread: other threads may only read its
    counters. Leaving the context closes all connections.
    """

    def __init__(
        self, config: EmulatorConfig | None = None, lengths: Lengths | None = None
    ) -> None:
        self.config = config or EmulatorConfig()
        self.app = create_emulator(self.config, lengths)
        self.engine: Engine = self.app.state.engine
        self.url = ""
        self._server = _server(self.app, grace=0.1, log_level="critical", log_config=None)

    def __enter__(self) -> EmbeddedEmulator:
        """Listen; returns when requests are accepted."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        # From here on connections wait in the backlog while uvicorn is starting.
        listener.listen(2048)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # Outside the main thread uvicorn installs no signal handlers.
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="emulator", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop and wait for the thread."""
        self._server.should_exit = True
        self._thread.join()


def run_emulator(
    config: EmulatorConfig, host: str, port: int, lengths: Lengths | None = None
) -> int:
    """Run until SIGTERM or SIGINT. Running requests get one second to end.

    Returns the exit code: 0, or 1 if the port is not available.
    """
    try:
        sockets = bound_sockets(host, port)
    except ListenError as error:
        return failed(str(error))
    server = _server(create_emulator(config, lengths), grace=1, host=host, port=port)
    # uvicorn raises the signal again after its shutdown. The default handler would then kill the
    # process, and the exit status would not be 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        server.run(sockets)
    except SystemExit:  # the application did not start; uvicorn has told why
        return 1
    return 0


def _server(app: ASGIApp, *, grace: float, **options: Any) -> uvicorn.Server:
    settings = {"access_log": False, "lifespan": "on", "ws": "none", "log_level": "info", **options}
    settings["timeout_graceful_shutdown"] = grace  # seconds; uvicorn refuses 0
    return uvicorn.Server(uvicorn.Config(app, **settings))
