"""The configuration in force, which a reload changes while the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.config.settings import Config

_SLICE_S = 0.5


class ConfigInForce(Config, frozen=False):
    """A configuration whose sections are replaced by a reload, each as a whole.

    What reads a setting when it needs it has the present one. What keeps a section, or something
    made of it, has a method ``apply``.
    """

    @classmethod
    def of(cls, config: Config) -> ConfigInForce:
        """The same settings, to be replaced later."""
        return cls.model_construct(config.model_fields_set, **dict(config))

    def take(self, config: Config) -> None:
        """Let the sections of another configuration be in force."""
        for name in Config.model_fields:
            setattr(self, name, getattr(config, name))


async def pause(seconds: Callable[[], float]) -> None:
    """Sleep for a setting's seconds; a change of the setting counts at once."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while (left := begun + seconds() - loop.time()) > 0:  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(min(left, _SLICE_S))
