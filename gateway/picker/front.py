"""The picker's front: requests come in by gRPC, from Envoy and other data planes."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from fastapi import FastAPI

from gateway.clients.server import ListeningServer
from gateway.config.errors import ConfigError
from gateway.config.settings import Config
from gateway.picker.health import Health
from gateway.picker.http2 import GrpcServer
from gateway.picker.listening import end, grpc_listening
from gateway.picker.service import Processor
from gateway.protocol.listener import ListenError, bound_sockets
from gateway.requests.leaving import Stage
from gateway.serve.front import OneProcess, uvicorn_config
from gateway.serve.server import DrainingServer, in_url
from gateway.serve.signals import EndSignals

GOODBYE_S = 0.3
"""Seconds that streams may take to end once the last answer has gone."""


class _PickerFront(OneProcess):
    """Data planes come by gRPC; no client comes by HTTP."""

    def host(self, config: Config) -> str:
        """The address that is bound."""
        return config.picker.host

    def sockets(self, config: Config) -> list[socket.socket]:
        """The bound sockets of ``picker``; a configuration that cannot be picked from is told."""
        if not config.workers and not config.discovery.finds:
            raise ConfigError("workers: none is given; give --worker URL, or set discovery")
        for worker in config.workers:
            if urlsplit(worker.shown_url).path.strip("/"):
                raise ConfigError(
                    f"workers: {worker.shown_url} has a path, and Envoy takes ip:port alone. Give "
                    "the URL without it, and rewrite the prefix in Envoy."
                )
        try:
            return bound_sockets(config.picker.host, config.picker.port)
        except ListenError as error:
            raise ListenError(f"picker: {error}") from error

    def server(
        self, config: Config, app: FastAPI, banner: str, signals: EndSignals
    ) -> DrainingServer:
        """The server of ``lengthwise picker``."""
        return PickerServer(config, app, signals)


PICKER = _PickerFront()


class PickerServer(DrainingServer):
    """The process of the gateway, with a gRPC server in place of the listener for clients."""

    def __init__(self, config: Config, app: FastAPI, signals: EndSignals) -> None:
        super().__init__(
            *(uvicorn_config(config, app), app.state.connections, "", signals),
            leaving=app.state.leaving,
            settings=config.shutdown,
        )
        self._settings_of_picker = config.picker
        self._fleet = app.state.fleet
        metrics, most = app.state.metrics, config.picker.max_requests
        self.processor = Processor(app, metrics, app.state.leaving, most)
        self._grpc: list[GrpcServer] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, answer gRPC on the sockets' addresses, and print them."""
        await ListeningServer.startup(self, [])
        if not self.started:
            return
        port = sockets[0].getsockname()[1] if sockets else 0
        services = self.processor, Health(self._ready)
        self._grpc = await grpc_listening(services, sockets or (), self._settings_of_picker.tls)
        host = in_url(self._settings_of_picker.host)
        self.tell(f"Lengthwise is picking endpoints on grpc://{host}:{port}\n")

    def _ready(self) -> bool:
        return self._leaving.stage is Stage.SERVING and self._fleet.ready

    def broken_listener(self) -> str:
        """Nothing: gRPC keeps its own sockets."""
        return ""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send the data planes elsewhere, and end as ``DrainingServer`` does.

        A data plane that knows no other picker comes back, is served until the drain begins, and
        is sent elsewhere again then.
        """
        self._goodbye()
        self._leaving.at_drain.append(self._goodbye)
        await super().shutdown(sockets)

    def _goodbye(self) -> None:
        for server in self._grpc:
            server.goodbye()

    async def _close(self, sockets: Sequence[socket.socket]) -> None:
        """Give the last streams a moment, and end the gRPC server."""
        await self._until(lambda: not self.processor.streams, GOODBYE_S, hurried=True)
        await end(self._grpc)
        await super()._close(())
