"""Source: where the configuration of a running gateway is read, again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.errors import ConfigError, Location
from gateway.config.load import Loaded, load
from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.requests.routing import configured_routes


@dataclass(slots=True)
class Source:
    """The file, and what overrides it: neither the environment nor the flags change."""

    path: Path
    flags: Mapping[Location, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    started: tuple[WorkerConfig, ...] = ()
    """Workers that the gateway itself has started, beside those of the file."""
    emulated: WorkerConfig | None = None
    """The worker of a trial, which leaves once the file names another."""
    taken: Callable[[Config], Config] = lambda config: config
    """What the process makes of the configuration, as at its start."""

    def __post_init__(self) -> None:
        self.path = self.path.absolute()

    def load(self) -> Loaded:
        """Read the configuration again.

        Raises:
            ConfigError: it cannot be used.
        """
        loaded = load(self.path, env=self.env, flags=self.flags)
        config = self.taken(loaded.config)
        configured_routes(config.endpoints)
        workers = (*config.workers, *self.started)
        if not workers and not config.discovery.finds:
            if self.emulated is None:
                raise ConfigError(
                    f"{self.path}: workers: no worker is named. Name one, or restart the gateway "
                    "for an emulated worker."
                )
            workers = (self.emulated,)
        return Loaded(config.model_copy(update={"workers": workers}), loaded.places, loaded.empty)
