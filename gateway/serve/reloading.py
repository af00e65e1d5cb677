"""What only the process has takes new settings too: its log, its end, and SIGHUP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.access.exposure import warn_of_exposure
from gateway.config.settings import Config
from gateway.live_config.live_config import LiveConfig, Outcome, Part
from gateway.serve.logs import Logs
from gateway.serve.redaction import secrets_of
from gateway.serve.server import DrainingServer
from gateway.serve.signals import EndSignals


def follow_configuration(
    live: LiveConfig,
    logs: Logs,
    server: DrainingServer,
    signals: EndSignals,
    needs_keys: Callable[[], bool],
) -> None:
    """Let log and end follow the configuration, and SIGHUP read it again.

    ``needs_keys`` tells whether requests need a key: an opened door is told in the log.
    """
    # First: whatever another part logs of the new settings, their secrets stay hidden.
    live.parts.insert(
        0, Part(tuple(Config.model_fields), lambda config: logs.hide(secrets_of(config)))
    )
    live.parts.append(Part(("log",), lambda config: logs.apply(config.log)))
    live.parts.append(
        Part(
            ("access",),
            lambda config: warn_of_exposure(config.listen.host, needs_keys=needs_keys()),
        )
    )
    live.parts.append(Part(("shutdown",), lambda config: server.apply(config.shutdown)))
    under_way: set[asyncio.Task[Outcome]] = set()  # the loop keeps no task alive by itself

    def hang_up() -> None:
        task = asyncio.get_running_loop().create_task(live.reload())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    if live.source is not None:
        signals.on_hangup = hang_up
