"""Fate: what becomes of a client's connection, for the request that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FATE = "lengthwise.fate"
"""Key of a request's scope that holds its connection's ``Fate``."""


@dataclass(slots=True)
class Fate:
    """What becomes of one connection."""

    reason: str = ""
    """Why the gateway has closed it; "" while it has not, or where the client has."""
    lost: bool = False
    """Whether it is closed."""
    at_loss: Callable[[], None] | None = None
    """Called when it closes."""
