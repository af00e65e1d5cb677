"""The server of the gateway: tells its address, and leaves step by step after a signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence

import uvicorn

from gateway.clients.connections import Connections
from gateway.clients.server import ListeningServer
from gateway.config.settings import Shutdown
from gateway.requests.leaving import Leaving, Stage
from gateway.serve.signals import EndSignals
from predictor.exit_codes import FAILED, OutputError, drop

log = logging.getLogger("lengthwise")

BODY_S = 2.0
"""Seconds of the drain for bodies on their way: no worker has seen them, nothing is lost."""

LAST_WORDS_S = 0.4
"""Seconds that the errors of ended requests may take to reach their clients."""

_STEP_S = 0.02
_TICK_S = 1.0


class DrainingServer(ListeningServer):
    """uvicorn that announces its end, drains, ends what is left with an error, and then ends."""

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        banner: str,
        signals: EndSignals,
        leaving: Leaving,
        *,
        settings: Shutdown,
    ) -> None:
        super().__init__(config, connections)
        self._banner = banner
        self._signals = signals
        self._leaving = leaving
        self._announce_s = 0.0
        self.apply(settings)

    def apply(self, settings: Shutdown) -> None:
        """Take these times; an end that has begun keeps its own."""
        self._settings = settings
        if not self.should_exit:
            self._announce_s = settings.lame_duck_s

    async def run(self, sockets: Sequence[socket.socket]) -> int:  # type: ignore[override]
        """Serve on bound sockets until a signal; a second signal ends the drain.

        Returns 0, or 1 if the application did not start, could not go on, or requests had to be
        ended.
        """
        try:
            await self.serve(list(sockets))
        except SystemExit:  # the application did not start; uvicorn has told why
            return FAILED
        return FAILED if self._leaving.cut_requests or self._leaving.broken else 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then print the address. Nobody need read it, so a closed output is no fault."""
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            scheme = "http" if self._connections.certificate is None else "https"
            text = f"Lengthwise is serving on {scheme}://{in_url(self.config.host)}:{port}\n"
            banner = self._banner.replace("PORT", str(port)).replace("http:", f"{scheme}:")
            self.tell(text + banner)

    @staticmethod
    def tell(text: str) -> None:
        """Print where the server is."""
        try:
            print(text, end="", flush=True)
        except OutputError:
            drop(sys.stdout)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave on a signal for the length of the block."""
        with self._signals.instead(self._on_signal):
            yield

    async def on_tick(self, counter: int) -> bool:
        """What uvicorn does ten times a second; true to leave, as where it cannot go on."""
        leave = await super().on_tick(counter)
        if not leave and counter % 10 == 0:
            self._leaving.broken = self._leaving.broken or self.broken_listener()
        if self._leaving.broken and not self.should_exit:
            log.critical("the gateway cannot go on and ends: %s", self._leaving.broken)
            self.should_exit = True
            self._leaving.stage, self._announce_s = Stage.ANNOUNCED, 0.0
        return leave or self.should_exit

    def broken_listener(self) -> str:
        """What is wrong with the listening sockets; "" for nothing."""
        for server in self.servers:
            if not server.sockets or any(one.fileno() < 0 for one in server.sockets):
                return "it does not listen on its port any more"
        return ""

    def _on_signal(self, number: int) -> None:
        name = signal.Signals(number).name
        if self.should_exit:
            self.force_exit = True
            log.warning("%s again: ending %d requests", name, self._leaving.running)
            return
        self.should_exit = True
        self._leaving.stage = Stage.ANNOUNCED
        if number == signal.SIGINT:  # a person at a terminal, no balancer
            self._announce_s = 0.0
        log.info("%s: draining; a second signal ends the gateway at once", name)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Announce the end, drain, end what is left, close the connections and the application.

        The listener stays open until then: a client that comes late gets an answer and its reason.
        """
        await self._until(lambda: False, self._announce_s)
        await self._drain()
        if self._leaving.running:
            log.warning("%d requests are ended before their answers", self._leaving.running)
        self._leaving.cut()
        await self._until(self._all_sent, LAST_WORDS_S, hurried=True)
        await self._close(sockets or [])
        await self.lifespan.shutdown()

    async def _drain(self) -> None:
        """Refuse new requests, and wait until the accepted ones have ended."""
        self._leaving.drain()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        limit = self._settings.drain_timeout_s
        await self._until(self._all_sent, min(BODY_S, limit))
        if not self.force_exit:
            self._leaving.cut_incomplete()
        await self._until(self._all_sent, max(0.0, limit - BODY_S))

    def _all_sent(self) -> bool:
        """Whether no request is left, and each client has the whole of its answer."""
        idle = not self.server_state.tasks and not self._leaving.running
        return idle and not any(
            connection.transport.get_write_buffer_size()
            for connection in self.server_state.connections
        )

    async def _until(
        self, condition: Callable[[], bool], limit_s: float, *, hurried: bool = False
    ) -> None:
        """Wait for a condition, at most ``limit_s`` seconds; a second signal ends the wait."""
        clock = asyncio.get_running_loop().time
        end, tick = clock() + limit_s, 0.0
        while clock() < end and not condition():
            if self.force_exit and not hurried:
                return
            if clock() >= tick:  # keeps the header Date right
                tick = clock() + _TICK_S
                await self.on_tick(0)
            await asyncio.sleep(min(_STEP_S, limit_s))

    async def _close(self, sockets: Sequence[socket.socket]) -> None:
        """Close the listener and all connections, and give their tasks a moment to end."""
        for listener in self.servers:
            listener.close()
        for one in sockets:
            one.close()
        for connection in list(self.server_state.connections):
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()
            else:
                connection.transport.close()
        if tasks := list(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=LAST_WORDS_S / 2)


def in_url(host: str) -> str:
    """The host as a URL shows it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
