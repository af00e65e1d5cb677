"""Errors that end a collection."""

from __future__ import annotations


class CollectError(Exception):
    """The collection cannot go on; the message says why and what to do."""


class RefusedError(CollectError):
    """The server refused a request with a ``status`` of 4xx that a repetition does not change."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
