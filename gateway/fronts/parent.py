"""The parent: starts the fronts, passes signals on, answers operators, and serves no request."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gateway.access.exposure import warn_of_exposure
from gateway.access.shared_table import SharedTable
from gateway.admin.listener import admin_listening, admin_sockets
from gateway.clients.descriptors import check_descriptors
from gateway.config.admin import Admin
from gateway.config.settings import Config
from gateway.fronts.commands import front_command, scheduler_command
from gateway.fronts.group import Group
from gateway.fronts.handoff import ACCOUNTS, SCHEDULER, WHOLE, Handoff, counts_folder
from gateway.fronts.kept_counts import VARIABLE, make_empty, take_counts
from gateway.fronts.pages import whole_app
from gateway.fronts.private_folder import private_folder
from gateway.fronts.process import Child, GaveUp
from gateway.fronts.relayed_signals import RelayedSignals
from gateway.fronts.started import keep_started
from gateway.fronts.whole_metrics import label
from gateway.protocol.listener import bound_sockets
from gateway.serve.event_loop import new_event_loop
from gateway.serve.logs import logging_by
from gateway.serve.redaction import secrets_of
from gateway.serve.server import DrainingServer, in_url
from predictor.exit_codes import FAILED

log = logging.getLogger("lengthwise")


def run_parent(config: Config, args: argparse.Namespace) -> int:
    """Serve by ``listen.fronts`` processes until SIGTERM or SIGINT.

    Returns the worst exit code of a process, 1 where one was given up, and 128 plus the signal's
    number for a signal before the gateway served.

    Raises:
        ListenError: an address cannot be used.
        ConfigError: the process may have too few open files.
    """
    check_descriptors()
    with (
        logging_by(config.log.model_copy(update={"access_file": None})) as output,
        private_folder() as folder,
        contextlib.ExitStack() as open_sockets,
    ):
        output.hide(secrets_of(config))
        listening = [
            open_sockets.enter_context(one)
            for one in bound_sockets(config.listen.host, config.listen.port)
        ]
        operators = [open_sockets.enter_context(one) for one in admin_sockets(config.admin)]
        keep_started(folder, config)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_Parent(config, args, folder, listening, operators).run())


class _Parent:
    def __init__(
        self,
        config: Config,
        args: argparse.Namespace,
        folder: Path,
        listening: Sequence[socket.socket],
        operators: Sequence[socket.socket],
    ) -> None:
        self._config, self._args, self._folder = config, args, folder
        self._listening, self._operators = listening, operators
        self._accounts = SharedTable(folder / ACCOUNTS, config.listen.fronts, 0, make=True)
        fronts = [self._front(n) for n in range(config.listen.fronts)]
        self._group = Group(fronts, folder, [self._scheduler()])

    def _front(self, index: int) -> Child:
        """A front, not yet started."""
        numbers = tuple(one.fileno() for one in self._listening)
        counts = counts_folder(self._folder, index)

        def command(link: int) -> list[str]:
            count, folder = self._config.listen.fronts, str(self._folder)
            if not (self._folder / ACCOUNTS).exists():
                log.critical(
                    "%s is gone, so front %d cannot start: restart the gateway, and keep programs "
                    "that clean up out of its folder",
                    *(self._folder / ACCOUNTS, index + 1),
                )
            make_empty(counts)
            return front_command(self._args, Handoff(index, count, folder, numbers, link))

        def died() -> None:
            self._accounts.forget(index)
            self._group.counts.ended(label(child.name), take_counts(counts, child.pid))

        env = {
            "LENGTHWISE_SCHEDULER": f"unix:{self._folder / SCHEDULER}",
            "LENGTHWISE_FRONT": f"front-{index + 1}",
            VARIABLE: str(counts),
        }
        child = Child(f"front {index + 1}", command, numbers, env, died)
        return child

    def _scheduler(self) -> Child:
        """The process of the scheduler, not yet started."""

        def command(link: int) -> list[str]:
            path, fronts = str(self._folder / SCHEDULER), self._config.listen.fronts
            return scheduler_command(path, fronts, link)

        return Child("scheduler", command)

    async def run(self) -> int:
        """Run all processes until they have ended after a signal; returns the exit code."""
        signals = RelayedSignals(self._group)
        with signals.watched():
            async with self._answering():
                code = await self._keep(signals)
        if signals.number and not any(child.served for child in self._group.fronts):
            return 128 + signals.number
        return code

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Answer operators, and the fronts' questions for the whole gateway."""
        group, admin = self._group, self._config.admin
        own = Admin(listen=str(self._folder / WHOLE))
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(group.close)
            for settings, sockets in ((own, admin_sockets(own)), (admin, self._operators)):
                app = whole_app(group, settings)
                await stack.enter_async_context(admin_listening(app, settings, sockets))
            yield

    async def _keep(self, signals: RelayedSignals) -> int:
        """Keep every process running; when one is given up, end all."""
        children = (*self._group.others, *self._group.fronts)
        keeping = [asyncio.create_task(child.keep(), name=child.name) for child in children]
        telling = [
            asyncio.create_task(self._group.keep_told(n)) for n in range(len(self._group.fronts))
        ]
        announcing = asyncio.create_task(self._announce())
        done, _ = await asyncio.wait(keeping, return_when=asyncio.FIRST_EXCEPTION)
        gave_up = [error for one in done if (error := one.exception()) is not None]
        for error in gave_up:
            log.critical("the gateway cannot go on and ends: %s", error)
            if not isinstance(error, GaveUp):
                log.error("a bug", exc_info=error)
        if gave_up:
            signals.end()
        codes = await asyncio.gather(*keeping, return_exceptions=True)
        for task in (*telling, announcing):
            task.cancel()
        await asyncio.gather(*telling, announcing, return_exceptions=True)
        worst = max((one for one in codes if isinstance(one, int)), default=0)
        return (worst or FAILED) if gave_up else worst

    async def _announce(self) -> None:
        """Print the address once all fronts serve."""
        for child in self._group.fronts:
            await child.serving.wait()
        listen = self._config.listen
        warn_of_exposure(listen.host, needs_keys=self._config.access.needs_keys)
        scheme = "https" if listen.tls.certificate else "http"
        address = f"{in_url(listen.host)}:{self._listening[0].getsockname()[1]}"
        fronts = len(self._group.fronts)
        text = f"Lengthwise is serving on {scheme}://{address} by {fronts} fronts\n"
        DrainingServer.tell(text)
        log.info("%d fronts serve: %s", fronts, [child.pid for child in self._group.fronts])
        sys.stdout.flush()
