"""SchedulerAddress: where the scheduler's process listens, and as whom a front comes."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ADDRESS, FRONT = "LENGTHWISE_SCHEDULER", "LENGTHWISE_FRONT"
"""Environment variables with the address and with the front's name."""
TOKEN, AUTHORITY = "LENGTHWISE_SCHEDULER_TOKEN", "LENGTHWISE_SCHEDULER_CA"
"""Those with the shared secret of fronts and scheduler, and with the PEM file of the authorities
that have signed the scheduler's certificate. Both are for an address over the network."""

UNIX = "unix:"

_PORT = re.compile("[0-9]{1,5}")


class FrontsError(Exception):
    """Several fronts cannot have one scheduler as they are set up; the message has the remedy.

    No ConfigError: the scheduler's process, which starts again in a moment, reads no configuration.
    """


@dataclass(frozen=True, slots=True)
class SchedulerAddress:
    """An address ``unix:/path`` or ``host:port``, the latter over TLS."""

    path: Path | None = None
    host: str = ""
    port: int = 0
    front: str = "front"
    token: str = ""
    authority: Path | None = None
    locate: Callable[[Callable[[], None]], Awaitable[SchedulerAddress]] | None = None
    """Tells before each connection where the scheduler is now, and calls what it is given once the
    scheduler is elsewhere; None: it stays where it is."""

    @classmethod
    def parse(cls, text: str, what: str = ADDRESS) -> SchedulerAddress:
        """The address in a text.

        Raises:
            FrontsError: it is neither of the two; ``what`` names it.
        """
        if text.startswith(UNIX):
            path = Path(text.removeprefix(UNIX))
            if not path.is_absolute():
                raise FrontsError(f"{what}: {text!r} has no absolute path; give unix:/run/l/s.sock")
            return cls(path=path)
        host, colon, port = text.rpartition(":")
        if not colon or not host:
            raise FrontsError(f"{what}: {text!r} is no address; give unix:/path or host:port")
        if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
            raise FrontsError(
                f"{what}: {text!r} has no port that fronts can know; give one from 1 to 65535"
            )
        return cls(host=host.strip("[]"), port=int(port))

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> SchedulerAddress | None:
        """The address that this process is told to use; None: its scheduler runs in it.

        Raises:
            FrontsError: a variable cannot be used.
        """
        text = variables.get(ADDRESS)
        if not text:
            return None
        found = cls.parse(text)
        token, authority = variables.get(TOKEN, ""), variables.get(AUTHORITY)
        if found.path is None and not token:
            raise FrontsError(f"{ADDRESS}: {text!r} is on the network; set {TOKEN} to the secret")
        return cls(
            *(found.path, found.host, found.port, variables.get(FRONT) or f"front-{os.getpid()}"),
            token=token,
            authority=Path(authority) if authority else None,
        )

    def __str__(self) -> str:
        return f"{UNIX}{self.path}" if self.path is not None else f"{self.host}:{self.port}"
