"""LiveConfig: the configuration in force, reread on a change, on SIGHUP and when asked.

One mechanism for all settings. ``ConfigInForce`` gets the new sections; whoever reads a setting at
use has it then. Whoever made something of a section is a ``Part`` and is told. The table in
``changes`` says of each setting whether a reload changes it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from gateway.config.errors import ConfigError, Location
from gateway.config.in_force import ConfigInForce
from gateway.config.load import Loaded
from gateway.config.settings import Config
from gateway.live_config.changes import OPENED, RESTART, differing, merged, opens
from gateway.live_config.file_watch import changes
from gateway.live_config.source import Source

log = logging.getLogger("lengthwise")

NO_FILE = (
    "the gateway runs without a file, so there is nothing to read again. Start it with --config."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a reload."""

    ok: bool
    changed: tuple[str, ...] = ()
    """Settings that have another value now."""
    restart: tuple[str, ...] = ()
    """Settings whose new value needs a restart; the old one stays in force."""
    error: str = ""
    """Why nothing has changed: place, field, fault and remedy, a line for each fault."""

    def as_json(self) -> dict[str, Any]:
        """The outcome for an answer in JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Part:
    """What keeps something made of sections, and is told when one of them has changed."""

    sections: Collection[str]
    apply: Callable[[Config], None]
    prepare: Callable[[Config], Awaitable[None]] | None = None
    """Does beforehand what takes long, so that ``apply`` holds nobody up; changes nothing."""


class LiveConfig:
    """Reads the configuration again, and lets what is new take effect.

    Args:
        in_force: the configuration that all parts share.
        source: where it is read; None for a gateway without a file.
        follow: awaited when the workers may have changed.
    """

    def __init__(
        self,
        in_force: ConfigInForce,
        source: Source | None,
        follow: Callable[[], Awaitable[None]],
    ) -> None:
        self.in_force = in_force
        self.source = source
        self.places: Mapping[Location, str] = {}
        """Where the settings come from that are not the default."""
        self.parts: list[Part] = []
        """What is told, in this order."""
        self.last = Outcome(ok=True)
        """What came of the last reload."""
        self.last_change: dict[str, Any] | None = None
        """What the last reload that changed something has changed, and when; None: none has."""
        self.loaded = time.time()
        """When the configuration in force was read or confirmed, in seconds of the epoch."""
        self.hash = _hash(in_force)
        self._follow = follow
        self._lock = asyncio.Lock()

    async def watch(self) -> None:
        """Reload after each change of the file, until cancelled; without a file, return."""
        if self.source is None:
            return
        async for _ in changes(self.source.path):
            await self.reload()

    async def reload(self) -> Outcome:
        """Read the configuration, and use it if it is valid; the old one stays otherwise."""
        if self.source is None:
            return Outcome(ok=False, error=NO_FILE)
        async with self._lock:
            try:
                loaded = await asyncio.to_thread(self.source.load)
                self.last = await self._use(loaded)
            except ConfigError as error:
                self.last = Outcome(ok=False, restart=self.last.restart, error=str(error))
                log.error("the new configuration is refused, the old one stays: %s", error)
            return self.last

    async def _use(self, loaded: Loaded) -> Outcome:
        """Let a valid configuration take effect.

        Raises:
            ConfigError: it would undo everything, or a part could not take it.
        """
        new = merged(self.in_force, loaded.config)
        changed = differing(self.in_force, new)
        if changed and loaded.empty:
            raise ConfigError(
                f"{self.source and self.source.path}:1: holds no setting, as a file that is being "
                "written. Write the settings, or restart the gateway for the defaults."
            )
        if opens(self.in_force, new):
            raise ConfigError(f"{self.source and self.source.path}: {OPENED}")
        restart = tuple(differing(new, loaded.config))
        for part in self._told(changed):
            if part.prepare is not None:
                await part.prepare(new)
        self._apply(new, self._told(changed))
        if {"workers", "discovery"} & {name.partition(".")[0] for name in changed}:
            await self._follow()
        self.loaded, self.hash = time.time(), _hash(self.in_force)
        self.places = loaded.places
        if changed:
            self.last_change = {"at": round(self.loaded, 3), "changed": changed}
        self._tell(loaded, changed, restart)
        return Outcome(ok=True, changed=tuple(changed), restart=restart)

    def _told(self, changed: Iterable[str]) -> list[Part]:
        """The parts that keep something of settings that have changed."""
        sections = {name.partition(".")[0] for name in changed}
        return [part for part in self.parts if sections & set(part.sections)]

    def _apply(self, new: Config, told: Sequence[Part]) -> None:
        """Let every part take the new sections, without a pause in between.

        Raises:
            ConfigError: a part refuses it or has a bug; all parts have the old sections again.
        """
        old = self.in_force.model_copy()
        try:
            self.in_force.take(new)
            for part in told:
                part.apply(self.in_force)
        except Exception as error:
            self.in_force.take(old)
            for part in told:
                part.apply(self.in_force)
            if isinstance(error, ConfigError):
                raise
            log.exception("a bug: the configuration could not be applied")
            raise ConfigError(
                f"a bug of the gateway ({type(error).__name__}); its log has the trace. Restart it "
                "with the new file, and report the bug."
            ) from None

    def _tell(self, loaded: Loaded, changed: list[str], restart: tuple[str, ...]) -> None:
        if changed or not self.last.ok:
            what = ", ".join(changed) or "nothing"
            log.info("the configuration has been read again; changed: %s", what)
        for name in restart:
            if name not in self.last.restart:
                place = loaded.places.get(tuple(name.split(".")), "configuration")
                log.warning(
                    "%s: %s has changed and needs a restart: %s. The old value stays in force.",
                    *(place, name, RESTART[name]),
                )

    def as_json(self) -> dict[str, Any]:
        """The state for /ready; an error shows no secret."""
        state = {
            "file": str(self.source.path) if self.source else None,
            "hash": self.hash,
            "loaded": round(self.loaded, 3),
            "last_reload": "ok" if self.last.ok else "refused",
            "needs_restart": list(self.last.restart),
            "last_change": self.last_change,
        }
        return state if self.last.ok else {**state, "error": self.last.error}


def _hash(config: Config) -> str:
    """Twelve hexadecimal digits that are the same for the same settings, secrets included."""
    text = json.dumps(config.model_dump(), default=_revealed)
    return sha256(text.encode()).hexdigest()[:12]


def _revealed(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
