"""Fate: why the gateway has closed a client's connection, for the outcome of its request."""

from __future__ import annotations

from dataclasses import dataclass

FATE = "lengthwise.fate"
"""Key of a request's scope that holds its connection's ``Fate``."""


@dataclass(slots=True)
class Fate:
    """Why a connection was closed; "" while it was not, or by the client."""

    reason: str = ""
