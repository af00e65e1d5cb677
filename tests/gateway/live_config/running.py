"""A gateway whose configuration is a file that the test writes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.app import create_app
from gateway.config.load import load_config
from gateway.forecasting.learned_state import LearnedState
from gateway.live_config.live_config import LiveConfig, Outcome
from gateway.live_config.source import Source
from gateway.requests.endpoint import Endpoint
from tests.gateway.access.keys import new_holder
from tests.gateway.harness import Gateway, listening, until

Settings = dict[str, Any]


def write(path: Path, settings: Settings | str) -> None:
    """Replace the file as editors do: a new one is renamed over it. JSON is YAML."""
    text = settings if isinstance(settings, str) else json.dumps(settings)
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


@dataclass(frozen=True, slots=True)
class Reloadable(Gateway):
    """A running gateway and its file."""

    path: Path
    settings: Settings
    """What the file held at the start."""
    key: str
    """A key of ``keys_file``."""

    @property
    def keys_file(self) -> Path:
        """A file of keys, which is not used before a reload names it."""
        return self.path.with_name("keys")

    @property
    def live(self) -> LiveConfig:
        """What reads the file again."""
        live: LiveConfig = self.app.state.live_config
        return live

    @property
    def endpoint(self) -> Endpoint:
        """What answers requests."""
        endpoint: Endpoint = self.app.routes[-1].app  # type: ignore[attr-defined]
        return endpoint

    def having(self, changes: Settings) -> Settings:
        """The settings of the start with others instead of some: section -> setting -> value."""
        mixed = dict(self.settings)
        for section, values in changes.items():
            inner = isinstance(values, dict)
            mixed[section] = {**mixed.get(section, {}), **values} if inner else values
        return mixed

    async def reload(self, changes: Settings) -> Outcome:
        """Write the settings of the start with changes, and read them."""
        write(self.path, self.having(changes))
        return await self.live.reload()


@contextlib.asynccontextmanager
async def reloadable(path: Path, *workers: str, **sections: Any) -> AsyncIterator[Reloadable]:
    """A gateway before these workers, with the file at ``path``."""
    settings = {
        "health": {"interval_s": 0.1},
        "workers": [{"url": url, "max_num_seqs": 64} for url in workers],
        **sections,
    }
    write(path, settings)
    key = new_holder(path.with_name("keys"), "alice")
    config = load_config(path, env={})
    learned = LearnedState.open(config.learning)
    app = create_app(config, None, learned, Source(path, env={}))
    live, begun = app.state.live_config, app.state.live_config.loaded
    async with listening(app) as url:
        # The watch reads the file once at first, which must not take up a change of the test.
        await until(lambda: live.loaded != begun, "the watch has begun")
        running = Reloadable(url, app, path, settings, key)
        yield running
        await running.until_idle()
        running.scheduler.check()
