"""FrontProcess: one of several processes that serve the same port."""

from __future__ import annotations

import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from gateway.access.shared_table import SharedTable
from gateway.clients.connections import Connections
from gateway.clients.server import ListeningServer
from gateway.config.admin import Admin
from gateway.config.errors import ConfigError
from gateway.config.settings import Config, Shutdown
from gateway.forecasting.learned_state import LearnedState
from gateway.fronts.handoff import ACCOUNTS, WHOLE, Handoff, front_socket
from gateway.fronts.learning import LearningRelay, learned_by_others
from gateway.fronts.parent_link import ParentLink
from gateway.fronts.share import as_front
from gateway.fronts.started import as_started
from gateway.fronts.whole import Whole
from gateway.live_config.changes import differing
from gateway.live_config.live_config import Outcome
from gateway.requests.leaving import Leaving
from gateway.serve.front import uvicorn_config
from gateway.serve.server import DrainingServer
from gateway.serve.signals import EndSignals
from predictor.adaptive import AdaptiveLayer


class FrontProcess:
    """Clients come by HTTP on sockets that the parent has bound."""

    def __init__(self, handoff: Handoff) -> None:
        self._handoff = handoff
        self._folder = Path(handoff.folder)
        self._parent = ParentLink(handoff.link)
        self._restart: tuple[str, ...] = ()
        """Settings that have changed since the gateway's start and need its restart."""

    def host(self, config: Config) -> str:
        """The address that is bound."""
        return config.listen.host

    def taken(self, config: Config) -> Config:
        """The configuration as one of several fronts takes it.

        Raises:
            ConfigError: several fronts cannot keep a setting together.
        """
        return as_front(config, self._handoff)

    def begun(self, config: Config) -> Config:
        """The same at the start: with what the gateway itself has started with."""
        started = as_started(self._folder, config)
        self._restart = tuple(differing(started, config))
        return self.taken(started)

    def learned(self, config: Config) -> LearnedState:
        """What the other fronts have learned; nothing where none of them serves yet."""
        return LearnedState(
            learned_by_others(self._handoff) or AdaptiveLayer(salt=self._handoff.salt)
        )

    def admin(self, config: Config) -> Admin:
        """The private socket where the parent asks; its owner alone may use it."""
        return Admin(listen=str(front_socket(self._folder, self._handoff.index)))

    def sockets(self, config: Config) -> list[socket.socket]:
        """The sockets that the parent has bound."""
        return [socket.socket(fileno=number) for number in self._handoff.sockets]

    def server(
        self, config: Config, app: FastAPI, banner: str, signals: EndSignals
    ) -> DrainingServer:
        """The server of one front, whose accounts and pages are those of all."""
        app.state.access.share(self._table())
        app.state.live_config.last = Outcome(ok=True, restart=self._restart)
        app.state.relay = LearningRelay(self._handoff, app.state.forecaster, app.state.learned)
        app.state.feedback.observed = app.state.relay.tell
        app.state.admin.router.routes += app.state.relay.routes()
        app.state.whole = Whole(str(self._folder / WHOLE))
        return _FrontServer(
            *(uvicorn_config(config, app), app.state.connections, self._parent, signals),
            leaving=app.state.leaving,
            settings=config.shutdown,
        )

    def _table(self) -> SharedTable:
        path = self._folder / ACCOUNTS
        try:
            return SharedTable(path, self._handoff.count, self._handoff.index)
        except FileNotFoundError:
            raise ConfigError(
                f"{path}: is gone, and with it what keys use of their limits. Restart the gateway, "
                "and keep programs that clean up out of its folder."
            ) from None


class _FrontServer(DrainingServer):
    """Tells the parent, not the reader of its output, that it serves."""

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        parent: ParentLink,
        signals: EndSignals,
        leaving: Leaving,
        *,
        settings: Shutdown,
    ) -> None:
        super().__init__(config, connections, "", signals, leaving, settings=settings)
        self._parent = parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell the parent."""
        await ListeningServer.startup(self, sockets)
        if self.started:
            self._parent.serves()
