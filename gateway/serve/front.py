"""Front: how requests come in. Everything behind it is the same."""

from __future__ import annotations

import socket
from typing import Protocol

import uvicorn
from fastapi import FastAPI

from gateway.clients.forwarded_clients import ForwardedClients
from gateway.clients.server import server_protocols
from gateway.config.admin import Admin
from gateway.config.settings import Config
from gateway.forecasting.learned_state import LearnedState
from gateway.protocol.listener import bound_sockets
from gateway.serve.server import DrainingServer
from gateway.serve.signals import EndSignals


class Front(Protocol):
    """The sockets and the server by which requests come in."""

    def learned(self, config: Config) -> LearnedState:
        """What earlier runs, or other processes, have learned.

        Raises:
            LearningError: ``learning.folder`` cannot be used.
        """
        ...

    def taken(self, config: Config) -> Config:
        """The configuration as this front takes it, at the start and after each reload."""
        ...

    def begun(self, config: Config) -> Config:
        """The same at the start of the process."""
        ...

    def host(self, config: Config) -> str:
        """The address that is bound."""
        ...

    def admin(self, config: Config) -> Admin:
        """Where operators are served."""
        ...

    def sockets(self, config: Config) -> list[socket.socket]:
        """The bound sockets.

        Raises:
            ListenError: the address cannot be used.
            ConfigError: the front cannot be used with this configuration.
        """
        ...

    def server(
        self, config: Config, app: FastAPI, banner: str, signals: EndSignals
    ) -> DrainingServer:
        """The server of the application; ``banner`` is printed after its address."""
        ...


class OneProcess:
    """What is alike for all fronts of a gateway of one process."""

    def learned(self, config: Config) -> LearnedState:
        """What earlier runs have learned."""
        return LearnedState.open(config.learning)

    def taken(self, config: Config) -> Config:
        """The configuration as it is."""
        return config

    begun = taken

    def admin(self, config: Config) -> Admin:
        """The operators' listener of the configuration."""
        return config.admin


class _Clients(OneProcess):
    """Clients come by HTTP."""

    def host(self, config: Config) -> str:
        """The address that is bound."""
        return config.listen.host

    def sockets(self, config: Config) -> list[socket.socket]:
        """The bound sockets of ``listen``."""
        return bound_sockets(config.listen.host, config.listen.port)

    def server(
        self, config: Config, app: FastAPI, banner: str, signals: EndSignals
    ) -> DrainingServer:
        """The server of ``lengthwise serve``."""
        return DrainingServer(
            *(uvicorn_config(config, app), app.state.connections, banner, signals),
            leaving=app.state.leaving,
            settings=config.shutdown,
        )


CLIENTS: Front = _Clients()


def uvicorn_config(config: Config, app: FastAPI) -> uvicorn.Config:
    """How uvicorn runs the application."""
    made = uvicorn.Config(
        app,
        host=config.listen.host,
        port=config.listen.port,
        log_config=None,  # uvicorn's own handlers would wait for the reader of stderr
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        **server_protocols(app.state.connections),
    )
    made.app = ForwardedClients(app, made.forwarded_allow_ips)
    return made
